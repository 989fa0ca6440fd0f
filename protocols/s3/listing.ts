import type { Metadata } from '#files/metadata.ts'
import { type Call, existingBucket, param } from './call.ts'
import { S3Fault } from './errors.ts'
import { compareKeys, urlEncodeKey } from './keys.ts'
import { element, group } from './markup.ts'
import { etagOf, ownerXml } from './objects.ts'
import { type Found, type WalkOptions, walkKeys } from './walk.ts'

/** What every kind of listing is asked for. */
export type ListRequest = {
  readonly prefix: string
  readonly delimiter: string
  /** 0…1,000 */
  readonly maxKeys: number
  readonly encode: (text: string) => string
  readonly encodingType: string | undefined
}

export type ListPage = {
  readonly found: readonly Found[]
  /** The metadata of each key in `found`; null for prefixes. */
  readonly metadata: readonly (Metadata | null)[]
  readonly truncated: boolean
}

const MOST_KEYS = 1_000

/** Reads the parameters; `maximum` is the name of the one that limits. Fault InvalidArgument. */
export function readListRequest(call: Call, maximum = 'max-keys'): ListRequest {
  const encodingType = param(call, 'encoding-type')
  if (encodingType !== undefined && encodingType !== 'url') {
    throw new S3Fault('InvalidArgument', 'Invalid Encoding Method specified in Request')
  }
  return {
    prefix: param(call, 'prefix') ?? '',
    delimiter: param(call, 'delimiter') ?? '',
    maxKeys: countParam(call, maximum, MOST_KEYS),
    encode: encodingType === 'url' ? urlEncodeKey : (text) => text,
    encodingType,
  }
}

/** A parameter that is a number from 0; `most` when absent or larger. Fault InvalidArgument. */
export function countParam(call: Call, name: string, most: number): number {
  return countOf(name, param(call, name), most)
}

/** As `countParam`, of the text of an argument. */
export function countOf(name: string, text: string | undefined, most: number): number {
  if (text === undefined || text === '') return most
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0x7fff_ffff) {
    throw new S3Fault('InvalidArgument', `Argument ${name} must be an integer between 0 and 2147483647`)
  }
  return Math.min(Number(text), most)
}

/** One page of keys behind a place. Fault NoSuchBucket. */
export async function listPage(
  call: Call,
  request: ListRequest,
  from: Pick<WalkOptions, 'after' | 'afterPrefix'>,
): Promise<ListPage> {
  const bucket = await existingBucket(call)
  const { files } = call.session
  const { prefix, delimiter, maxKeys } = request
  if (maxKeys === 0) return { found: [], metadata: [], truncated: false }
  const options = { prefix, delimiter, limit: maxKeys + 1, signal: call.signal, ...from }
  const walked = await walkKeys(files, bucket, options)
  const found = walked.slice(0, maxKeys)
  return { found, metadata: await metadataOf(call, found), truncated: walked.length > maxKeys }
}

async function metadataOf(call: Call, found: readonly Found[]): Promise<(Metadata | null)[]> {
  const files = found.flatMap((one) => (one.kind === 'key' && one.entry.kind === 'file' ? [one.entry] : []))
  const read = files.length === 0 ? [] : await call.session.files.metadata(files)
  let next = 0
  return found.map((one) => (one.kind === 'key' && one.entry.kind === 'file' ? (read[next++] ?? null) : null))
}

export type ContentsOptions = {
  /** `Contents`, or `Version` for a listing of versions. */
  readonly name: string
  readonly owner: boolean
  /** Elements that stand behind the key. */
  readonly extra: string
}

/** The elements of the keys, then those of the common prefixes. */
export function contentsXml(
  call: Call,
  request: ListRequest,
  page: ListPage,
  options: ContentsOptions,
): string {
  const behind = (options.owner ? group('Owner', ownerXml(call)) : '') + element('StorageClass', 'STANDARD')
  let keys = ''
  let prefixes = ''
  page.found.forEach((one, index) => {
    if (one.kind === 'prefix') {
      prefixes += group('CommonPrefixes', element('Prefix', request.encode(one.prefix)))
      return
    }
    const { key, entry } = one
    const metadata = page.metadata[index] ?? null
    keys += group(
      options.name,
      element('Key', request.encode(key)) +
        options.extra +
        group('LastModified', new Date(entry.modified).toISOString()) +
        element('ETag', `"${etagOf({ entry, metadata })}"`) +
        group('Size', `${entry.size}`) +
        behind,
    )
  })
  return keys + prefixes
}

/** Key or common prefix with which the page ends; empty for an empty page. */
export function lastOf({ found }: ListPage): string {
  const last = found.at(-1)
  if (last === undefined) return ''
  return last.kind === 'key' ? last.key : last.prefix
}

/** A continuation token: opaque to clients. */
export function tokenOf(page: ListPage): string {
  const kind = page.found.at(-1)?.kind === 'prefix' ? 'p' : 'k'
  return Buffer.from(kind + lastOf(page)).toString('base64url')
}

/** Where a token says to go on. Fault InvalidArgument. */
export function readToken(token: string): Pick<WalkOptions, 'after' | 'afterPrefix'> {
  const text = Buffer.from(token, 'base64url').toString()
  const after = text.slice(1)
  if (!/^[kp]/.test(text) || after === '' || Buffer.from(text).toString('base64url') !== token) {
    throw new S3Fault('InvalidArgument', 'The continuation token provided is incorrect')
  }
  return { after, afterPrefix: text.startsWith('p') ? after : null }
}

/**
 * Where a V1 marker says to go on. A marker that is a common prefix (a NextMarker of an earlier page) stands
 * for all that lies in it.
 */
export function readMarker(
  marker: string,
  { prefix, delimiter }: ListRequest,
): Pick<WalkOptions, 'after' | 'afterPrefix'> {
  const isPrefix =
    delimiter !== '' &&
    marker.startsWith(prefix) &&
    compareKeys(marker, prefix) > 0 &&
    marker.indexOf(delimiter, prefix.length) === marker.length - delimiter.length &&
    marker.length >= prefix.length + delimiter.length
  return { after: marker, afterPrefix: isPrefix ? marker : null }
}
