/** A part of a form, such as an uploaded file. */
export interface Part {
  name: string | undefined
  filename: string | undefined
  type: string | undefined
  content: Buffer
}

/**
 * Reads a form of RFC 7578, strictly. It shares no code with what writes forms.
 *
 * @throws Error for a body that is no form.
 */
export function parseMultipart(contentType: string | undefined, body: Buffer): Part[] {
  const boundary = /^multipart\/form-data;\s*boundary="?([^";]+)"?$/.exec(contentType ?? '')?.[1]
  if (boundary === undefined) throw new Error(`no form: ${contentType}`)
  const text = body.toString('latin1')
  const [preamble, ...rest] = `\r\n${text}`.split(`\r\n--${boundary}`)
  const end = rest.pop()
  if (preamble !== '' || !/^--(\r\n)?$/.test(end ?? '')) throw new Error('a form begins and ends with its boundary')
  return rest.map((part) => {
    const at = part.indexOf('\r\n\r\n')
    if (!part.startsWith('\r\n') || at < 0) throw new Error('a part begins with its headers')
    const headers = Buffer.from(part.slice(2, at), 'latin1').toString('utf8')
    const field = (pattern: RegExp) => pattern.exec(headers)?.[1]
    return {
      name: field(/^content-disposition: form-data;.*\bname="([^"]*)"/im),
      filename: field(/^content-disposition: form-data;.*\bfilename="([^"]*)"/im),
      type: field(/^content-type: (.*)$/im),
      content: Buffer.from(part.slice(at + 4), 'latin1'),
    }
  })
}
