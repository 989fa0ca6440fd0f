import { evaluateConditions } from '#net/conditions.ts'
import { type Call, header, pathOfBucket } from './call.ts'
import { S3Fault } from './errors.ts'
import { type KeyPlace, placeOfKey } from './keys.ts'
import { type Described, etagOf } from './objects.ts'
import { decodeUri } from './request.ts'

const VERSION = '?versionId='

/** The object that `x-amz-copy-source` names. `+` is a plus there, a leading slash may be missing. */
export function readCopySource(call: Call): KeyPlace {
  const raw = header(call, 'x-amz-copy-source') ?? ''
  const mark = raw.lastIndexOf(VERSION)
  if (mark >= 0 && raw.slice(mark + VERSION.length) !== 'null') throw new S3Fault('NoSuchVersion')
  const path = decodeUri(mark < 0 ? raw : raw.slice(0, mark)).replace(/^\//, '')
  const slash = path.indexOf('/')
  if (slash < 1 || slash === path.length - 1) {
    throw new S3Fault(
      'InvalidArgument',
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
    )
  }
  return placeOfKey(pathOfBucket(path.slice(0, slash)), path.slice(slash + 1))
}

const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'] as const

/** `x-amz-copy-source-if-*`. Fault PreconditionFailed, also where a GET would say 304. */
export function checkCopySource(call: Call, source: Described): void {
  const headers: Record<string, string> = {}
  for (const name of CONDITIONS) {
    const value = header(call, `x-amz-copy-source-${name}`)
    if (value !== undefined) headers[name] = value
  }
  const current = { etag: `"${etagOf(source)}"`, modified: source.entry.modified }
  if (evaluateConditions('GET', headers, current) !== 'proceed') throw new S3Fault('PreconditionFailed')
}
