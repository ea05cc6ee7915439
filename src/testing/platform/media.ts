/** The paths that take or return files: temporary media, and the QR codes of a mini program. */
import { randomBytes } from 'node:crypto'
import {
  authenticateByToken,
  FileResponse,
  type HandlerContext,
  type JsonObject,
  takeDailyQuota,
} from '../model/fake-request.js'
import { type Part, parseMultipart } from '../model/multipart.js'
import { nonEmptyText, refuse } from '../model/refusal.js'
import { postedObject } from './business.js'

/** The smallest image there is: one transparent pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
)

function partsOf({ request: { contentType, bytes } }: HandlerContext): Part[] {
  try {
    return parseMultipart(contentType, bytes ?? Buffer.alloc(0))
  } catch {
    return refuse(41005)
  }
}

/** media/upload: a form whose field `media` is a file with a name. */
export function upload(context: HandlerContext): JsonObject {
  const account = authenticateByToken(context)
  takeDailyQuota(context, account)
  const type = context.request.query.get('type') ?? ''
  if (!['image', 'voice', 'video', 'thumb'].includes(type)) refuse(40004)
  const file = partsOf(context).find(({ name }) => name === 'media')
  if (file === undefined || file.filename === undefined || file.content.length === 0) return refuse(41005)
  if (!/\.\w+$/.test(file.filename)) refuse(40005)
  const id = randomBytes(32).toString('base64url')
  account.media.set(id, file)
  return { type, media_id: id, created_at: Math.floor(context.now / 1000) }
}

/** media/get. */
export function download(context: HandlerContext): FileResponse {
  const account = authenticateByToken(context)
  takeDailyQuota(context, account)
  const { content, type, filename } = account.media.get(context.request.query.get('media_id') ?? '') ?? refuse(40007)
  return new FileResponse(type ?? 'application/octet-stream', content, filename)
}

/** getwxacodeunlimit. */
export function qrCode(context: HandlerContext): FileResponse {
  takeDailyQuota(context, authenticateByToken(context))
  const { scene, page = '' } = postedObject(context)
  if (nonEmptyText(scene) === undefined) refuse(40169)
  if (page === 'missing/page') refuse(41030)
  return new FileResponse('image/jpeg', PIXEL)
}
