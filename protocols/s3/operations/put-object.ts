import type { Metadata } from '#files/metadata.ts'
import type { ChangeOptions, Entry, StagedUpload } from '#files/types.ts'
import { receiveBody } from '#net/receive.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { type Digests, discardBody, verifiedBody } from '../body.ts'
import { answerEmpty, bucketPath, type Call, isFault, type Operation } from '../call.ts'
import { S3Fault } from '../errors.ts'
import { givenMetadata } from '../given-metadata.ts'
import { type KeyPlace, placeOfKey } from '../keys.ts'
import { EMPTY_MD5, findObject } from '../objects.ts'
import { underConditions, writeConditions } from '../write-conditions.ts'

/** PUT object. Nothing is visible before every byte, checksum and signature was verified. */
export const putObject: Operation = async (call) => {
  const place = placeOfKey(bucketPath(call), call.request.key)
  const metadata = givenMetadata(call)
  if (place.folder) return putFolder(call, place, metadata)
  const { md5, checksums } = await storeObject(call, place, metadata)
  const type = Object.keys(checksums).length > 0 ? { 'x-amz-checksum-type': 'FULL_OBJECT' } : {}
  answerEmpty(call, 200, { ETag: `"${md5}"`, ...checksums, ...type })
}

/** Makes the call's body the object of a key. */
export async function storeObject(call: Call, place: KeyPlace, metadata: Metadata): Promise<Digests> {
  const body = verifiedBody(call)
  const conditions = await writeConditions(call, place)
  const store = async () => {
    await using upload = await createUpload(call, place.path, conditions)
    await receiveBody(body, upload, { signal: call.session.signal, owned: true })
    const digests = body.digests()
    await upload.commit({
      ...conditions,
      metadata: { ...metadata, etag: digests.md5, checksums: digests.checksums },
    })
    return digests
  }
  return withParents(call, place.path, () => underConditions(call, store))
}

/** Starts an upload and makes the folders that it needs. */
async function createUpload(call: Call, path: VirtualPath, conditions: ChangeOptions): Promise<StagedUpload> {
  const { files } = call.session
  try {
    return await files.create(path, conditions)
  } catch (error) {
    if (!isFault(error, 'no_parent')) throw error
    await makeParents(call, path)
    return files.create(path, conditions)
  }
}

export function makeParents(call: Call, path: VirtualPath): Promise<void> {
  return call.folders.makeParents(call.session.files, path)
}

/** Runs a change under `path`: its folders stay meanwhile, and those made for nothing go when it fails. */
export async function withParents<T>(call: Call, path: VirtualPath, change: () => Promise<T>): Promise<T> {
  const site = call.session.principal.siteId
  const held = call.folders.hold(site, path)
  let failed = true
  try {
    const result = await change()
    failed = false
    return result
  } finally {
    held[Symbol.dispose]()
    if (failed) await call.folders.prune(site, call.session.files, path)
  }
}

/** PUT `dir/`: makes the folder; it stays also when it is empty, and keeps what was said of it. */
async function putFolder(call: Call, place: KeyPlace, metadata: Metadata): Promise<void> {
  await discardBody(call, 0)
  await makeFolder(call, place.path, metadata, await markerConditions(call, place))
  answerEmpty(call, 200, { ETag: `"${EMPTY_MD5}"` })
}

/** Of a marker: a folder that is there only because keys need it has none. */
async function markerConditions(call: Call, place: KeyPlace): Promise<ChangeOptions> {
  const conditions = await writeConditions(call, place)
  if (!conditions.ifAbsent) return {}
  const found = await findObject(call.session.files, place)
  if (found !== null && !found.metadata?.implicit) throw new S3Fault('PreconditionFailed')
  return {}
}

/** Makes a folder that stays, or makes one stay that is there. */
export async function makeFolder(
  call: Call,
  path: VirtualPath,
  metadata: Metadata,
  conditions: ChangeOptions = {},
): Promise<Entry> {
  const { files } = call.session
  return withParents(call, path, async () => {
    try {
      return await files.mkdir(path, { ...conditions, metadata })
    } catch (error) {
      if (isFault(error, 'no_parent')) {
        await makeParents(call, path)
        return files.mkdir(path, { ...conditions, metadata })
      }
      if (!isFault(error, 'exists')) throw error
      const entry = await files.stat(path)
      if (entry.kind !== 'folder') throw new S3Fault('ObjectParentIsFile')
      return files.describe(path, () => metadata)
    }
  })
}
