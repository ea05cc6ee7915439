// Reads the files of other programs, so that their tokens are adopted instead of fetched anew: a
// classic token of WeChat that is fetched kills the one that is in use. Pure.
import { basename } from 'node:path'
import { describeNonObject, parseJsonObject } from '../../core/shared/upstream/upstream-text.js'
import { type ImportedValue, SHAPES } from './shapes.js'

export type { ImportedValue }

export interface ImportedFile {
  /** The program that wrote the file. */
  writer: string
  values: ImportedValue[]
}

/**
 * What a file of another program has.
 *
 * @param path its name says what it has, for guard_dog and node-easywechat. It may have a secret in
 * it, so that no message shows it.
 * @throws Error for a file of no program that is known. The message shows nothing of the text.
 */
export function parseForeignFile(path: string, text: string): ImportedFile {
  const members = parseJsonObject(text.replace(/^\ufeff/, ''))
  if (members === undefined) throw new Error(`the file is ${describeNonObject(text)}`)
  for (const { name, values } of SHAPES) {
    const found = values(members, basename(path))
    if (found !== undefined) return { writer: name, values: found }
  }
  const known = SHAPES.map(({ name }) => name).join(', ')
  throw new Error(`the file has no value with a known end, as one of these programs keeps it: ${known}`)
}
