import { isDeepStrictEqual } from 'node:util'
import type { Metadata } from '#files/metadata.ts'
import type { ChangeOptions, Entry } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { answerSlowly } from '../answer-slowly.ts'
import { discardBody } from '../body.ts'
import { bucketPath, type Call, header, isFault, type Operation } from '../call.ts'
import { checkCopySource, readCopySource } from '../copy-source.ts'
import { S3Fault } from '../errors.ts'
import { givenMetadata } from '../given-metadata.ts'
import { type KeyPlace, placeOfKey } from '../keys.ts'
import { element, xmlDocument } from '../markup.ts'
import { type Described, describe, etagOf, storedChecksumXml } from '../objects.ts'
import { underConditions, writeConditions } from '../write-conditions.ts'
import { statOrOpen } from './get-object.ts'
import { makeFolder, makeParents, withParents } from './put-object.ts'

const MOST_TRIES = 4

/** PUT object with `x-amz-copy-source`. The files layer asks for rights at both ends. */
export const copyObject: Operation = async (call) => {
  const source = readCopySource(call)
  const target = placeOfKey(bucketPath(call), call.request.key)
  await discardBody(call)
  const conditions = await writeConditions(call, target)
  await answerSlowly(call, async () => {
    const done =
      source.folder || target.folder
        ? await copyMarker(call, source, target)
        : await underConditions(call, () => copyFile(call, source, target, conditions))
    return xmlDocument(
      'CopyObjectResult',
      element('LastModified', new Date(done.entry.modified).toISOString()) +
        element('ETag', `"${etagOf(done)}"`) +
        storedChecksumXml(done.metadata),
    )
  })
}

/** A marker holds no bytes: its copy is a folder (s3fs renames folders so). */
async function copyMarker(call: Call, source: KeyPlace, target: KeyPlace): Promise<Described> {
  const found = await statOrOpen(call, source)
  checkCopySource(call, found)
  if (!target.folder || found.entry.size > 0) {
    throw new S3Fault('InvalidArgument', 'A folder marker can be copied to a key that ends with / only.')
  }
  const self = source.path === target.path
  const held = found.metadata ?? emptyOf(found)
  const metadata = metadataOfCopy(call, { ...found, metadata: held }, self) ?? held
  const { implicit: _, ...stays } = metadata
  return { entry: await makeFolder(call, target.path, stays), metadata: stays }
}

async function copyFile(
  call: Call,
  source: KeyPlace,
  target: KeyPlace,
  conditions: ChangeOptions,
): Promise<Described> {
  for (let tries = 1; ; tries++) {
    const found = await statOrOpen(call, source)
    checkCopySource(call, found)
    const self = source.path === target.path
    const metadata = metadataOfCopy(call, found, self)
    try {
      if (self) return await replaceMetadata(call, found, metadata ?? emptyOf(found), conditions)
      return await copyOnce(call, found, target.path, conditions, metadata)
    } catch (error) {
      // Source or target changed in between: what was decided about them holds no longer.
      const again =
        error === CHANGED || (isFault(error, 'precondition', 'exists') && noConditions(conditions))
      if (!again || tries === MOST_TRIES) throw error === CHANGED ? new S3Fault('OperationAborted') : error
    }
  }
}

const CHANGED = Symbol('changed')

function noConditions({ ifAbsent, ifVersion }: ChangeOptions): boolean {
  return ifAbsent === undefined && ifVersion === undefined
}

async function copyOnce(
  call: Call,
  found: Described,
  to: VirtualPath,
  conditions: ChangeOptions,
  metadata: Metadata | null,
): Promise<Described> {
  const { files } = call.session
  const there = await files.stat(to).catch(() => null)
  // The files layer would put the file in place of the whole folder.
  if (there?.kind === 'folder') throw new S3Fault('ExistingObjectIsDirectory')
  const guard =
    there === null || conditions.ifAbsent ? conditions : { ifVersion: there.version, ...conditions }
  const options = { ...guard, overwrite: there !== null, ...(metadata === null ? {} : { metadata }) }
  await withParents(call, to, async () => {
    try {
      await files.copy(found.entry.path, to, options)
    } catch (error) {
      if (!isFault(error, 'no_parent')) throw error
      await makeParents(call, to)
      await files.copy(found.entry.path, to, options)
    }
  })
  if (metadata !== null) {
    // The ETag that went with the copy is that of the version seen before it.
    const now = await files.stat(found.entry.path).catch(() => null)
    if (now !== null && now.version !== found.entry.version) throw CHANGED
  }
  const copied = await files.stat(to).catch(() => null)
  return copied === null ? found : describe(files, copied)
}

/** A copy onto itself changes metadata only (touch and chmod of clients): the bytes and their time stay. */
async function replaceMetadata(
  call: Call,
  found: Described,
  metadata: Metadata,
  { ifAbsent, ifVersion = found.entry.version }: ChangeOptions,
): Promise<Described> {
  if (ifAbsent) throw new S3Fault('PreconditionFailed')
  const change = (_: Entry, held: Metadata | null): Metadata => {
    // Somebody else described it meanwhile: what was put together from its metadata is out of date.
    if (!isDeepStrictEqual(held, found.metadata)) throw CHANGED
    return metadata
  }
  const entry = await call.session.files.describe(found.entry.path, change, { ifVersion })
  return { entry, metadata }
}

/** The metadata of an object that another door wrote, with the ETag that was shown for it. */
export function emptyOf(found: Described): Metadata {
  return { etag: etagOf(found), headers: {}, user: {}, tags: {}, checksums: {}, parts: [] }
}

/** What the copy gets; null for all that the source has. Fault InvalidRequest for a copy that changes nothing. */
function metadataOfCopy(call: Call, found: Described, self: boolean): Metadata | null {
  const replaces = readDirective(call, 'x-amz-metadata-directive')
  const replacesTags = readDirective(call, 'x-amz-tagging-directive')
  const given = givenMetadata(call)
  if (!replaces && !replacesTags) {
    if (self) {
      throw new S3Fault(
        'InvalidRequest',
        'This copy request is illegal because it is trying to copy an object to itself without changing the' +
          " object's metadata, storage class, website redirect location or encryption attributes.",
      )
    }
    return null
  }
  const own = found.metadata ?? emptyOf(found)
  return {
    ...own,
    ...(replaces ? { headers: given.headers, user: given.user } : {}),
    ...(replacesTags ? { tags: given.tags } : {}),
  }
}

function readDirective(call: Call, name: string): boolean {
  const text = header(call, name)?.toUpperCase() ?? 'COPY'
  if (text !== 'COPY' && text !== 'REPLACE') throw new S3Fault('InvalidArgument', `Unknown ${name}.`)
  return text === 'REPLACE'
}
