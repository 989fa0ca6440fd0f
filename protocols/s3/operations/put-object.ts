import type { ChangeOptions, StagedUpload } from '#files/types.ts'
import { receiveBody } from '#net/receive.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { discardBody, verifiedBody } from '../body.ts'
import { answerEmpty, bucketPath, type Call, isFault, type Operation } from '../call.ts'
import { S3Fault } from '../errors.ts'
import { givenMetadata } from '../given-metadata.ts'
import { placeOfKey } from '../keys.ts'
import { EMPTY_MD5 } from '../objects.ts'
import { writeConditions } from '../write-conditions.ts'

/** PUT object. Nothing is visible before every byte, checksum and signature was verified. */
export const putObject: Operation = async (call) => {
  const place = placeOfKey(bucketPath(call), call.request.key)
  const metadata = givenMetadata(call)
  if (place.folder) return putFolder(call, place.path)
  const body = verifiedBody(call)
  const conditions = await writeConditions(call, place)
  const { md5, checksums } = await withParents(call, place.path, async () => {
    await using upload = await createUpload(call, place.path, conditions)
    await receiveBody(body, upload, { signal: call.signal })
    const digests = body.digests()
    await upload.commit({
      ...conditions,
      metadata: { ...metadata, etag: digests.md5, checksums: digests.checksums },
    })
    return digests
  })
  const type = Object.keys(checksums).length > 0 ? { 'x-amz-checksum-type': 'FULL_OBJECT' } : {}
  answerEmpty(call, 200, { ETag: `"${md5}"`, ...checksums, ...type })
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
  return call.folders.makeParents(call.session.principal.siteId, call.session.files, path)
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

/** PUT `dir/`: makes the folder; it stays also when it is empty. */
async function putFolder(call: Call, path: VirtualPath): Promise<void> {
  await discardBody(call, 0)
  await makeFolder(call, path)
  answerEmpty(call, 200, { ETag: `"${EMPTY_MD5}"` })
}

export async function makeFolder(call: Call, path: VirtualPath): Promise<void> {
  const { files, principal } = call.session
  await withParents(call, path, async () => {
    try {
      await files.mkdir(path)
    } catch (error) {
      if (isFault(error, 'no_parent')) {
        await makeParents(call, path)
        await files.mkdir(path)
      } else if (!isFault(error, 'exists') || (await files.stat(path)).kind !== 'folder') {
        throw isFault(error, 'exists') ? new S3Fault('ObjectParentIsFile') : error
      }
    }
  })
  call.folders.keep(principal.siteId, path)
}
