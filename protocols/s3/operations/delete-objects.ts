import { Fault, toFault } from '#faults'
import type { XmlElement } from '#net/xml.ts'
import { parentOf, type VirtualPath } from '#permissions/path.ts'
import { xmlBody } from '../body.ts'
import {
  answerEmpty,
  answerXml,
  bucketPath,
  type Call,
  existingBucket,
  header,
  isFault,
  type Operation,
} from '../call.ts'
import { deleteConditions, type Wanted } from '../delete-conditions.ts'
import { S3Fault } from '../errors.ts'
import { errorAnswer } from '../faults.ts'
import { type KeyPlace, placeOfKey } from '../keys.ts'
import { childrenNamed, childText, element, group, xmlDocument } from '../markup.ts'

/** DELETE object: 204, also when there was none. */
export const deleteObject: Operation = async (call) => {
  const place = placeOfKey(bucketPath(call), call.request.key)
  await deleteKey(call, place, {
    etag: header(call, 'if-match'),
    size: header(call, 'x-amz-if-match-size'),
    modified: header(call, 'x-amz-if-match-last-modified-time'),
  })
  await prune(call, place.path)
  answerEmpty(call, 204)
}

function prune(call: Call, path: VirtualPath): Promise<void> {
  return call.folders.prune(call.session.principal.siteId, call.session.files, path)
}

async function deleteKey(call: Call, place: KeyPlace, wanted: Wanted): Promise<void> {
  const { files } = call.session
  const condition = await deleteConditions(files, place, wanted)
  // Who may delete but not look has no answer here; the removal itself decides then.
  const entry = await files.stat(place.path).catch((error: unknown) => {
    if (!isFault(error, 'not_found', 'forbidden')) throw error
    return null
  })
  if (entry !== null && (entry.kind === 'folder') !== place.folder) return
  try {
    await files.remove(place.path, condition)
  } catch (error) {
    // A folder with something in it is no key of its own: there is nothing to delete.
    const nothing =
      (isFault(error, 'not_found') && wanted.etag === undefined) ||
      (place.folder && isFault(error, 'not_empty'))
    if (!nothing) throw error
    await existingBucket(call)
  }
}

const MOST_KEYS = 1_000
const XML_LIMITS = { maxBytes: 8 * 1024 * 1024, maxNodes: 30_000 }
const AT_ONCE = 8

type Item = Wanted & { readonly key: string; readonly versionId: string | undefined }

/** POST bucket?delete: up to 1,000 keys, each with its own result. */
export const deleteObjects: Operation = async (call) => {
  const { items, quiet } = readItems(await xmlBody(call, XML_LIMITS))
  const bucket = await existingBucket(call)
  const results: string[] = []
  const parents = new Map<VirtualPath, VirtualPath>()
  for (let start = 0; start < items.length; start += AT_ONCE) {
    const batch = items.slice(start, start + AT_ONCE)
    results.push(...(await Promise.all(batch.map((item) => deleteItem(call, bucket, item, quiet, parents)))))
  }
  const deepestFirst = [...parents].sort(([a], [b]) => b.length - a.length)
  for (const [, path] of deepestFirst) await prune(call, path)
  answerXml(call, xmlDocument('DeleteResult', results.join('')))
}

async function deleteItem(
  call: Call,
  bucket: VirtualPath,
  item: Item,
  quiet: boolean,
  parents: Map<VirtualPath, VirtualPath>,
): Promise<string> {
  try {
    if (item.versionId !== undefined && item.versionId !== 'null') throw new S3Fault('NoSuchVersion')
    const place = placeOfKey(bucket, item.key)
    await deleteKey(call, place, item)
    parents.set(parentOf(place.path), place.path)
    const version = item.versionId === undefined ? '' : element('VersionId', item.versionId)
    return quiet ? '' : group('Deleted', element('Key', item.key) + version)
  } catch (error) {
    if (call.signal.aborted) throw error
    if (!(error instanceof Fault)) throw error
    const { code, message } = errorAnswer(toFault(error))
    return group('Error', element('Key', item.key) + element('Code', code) + element('Message', message))
  }
}

function readItems(root: XmlElement | null): { items: Item[]; quiet: boolean } {
  if (root === null || root.local !== 'Delete') throw new S3Fault('MalformedXML')
  const items = childrenNamed(root, 'Object').map((object) => {
    const key = childText(object, 'Key')
    if (key === undefined || key === '') throw new S3Fault('MalformedXML')
    return {
      key,
      etag: childText(object, 'ETag'),
      size: childText(object, 'Size'),
      modified: childText(object, 'LastModifiedTime'),
      versionId: childText(object, 'VersionId'),
    }
  })
  if (items.length === 0 || items.length > MOST_KEYS) throw new S3Fault('MalformedXML')
  return { items, quiet: childText(root, 'Quiet')?.trim() === 'true' }
}
