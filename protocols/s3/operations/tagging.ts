import type { XmlElement } from '#net/xml.ts'
import { discardBody, xmlBody } from '../body.ts'
import { answerEmpty, answerXml, bucketPath, type Call, existingBucket, type Operation } from '../call.ts'
import { S3Fault } from '../errors.ts'
import { tagsOf } from '../given-metadata.ts'
import { compareKeys, placeOfKey } from '../keys.ts'
import { childrenNamed, childText, element, group, xmlDocument } from '../markup.ts'
import { describe, statObject } from '../objects.ts'
import { emptyOf } from './copy-object.ts'

const MOST_BUCKET_TAGS = 50
const XML_LIMITS = { maxBytes: 64 * 1024, maxNodes: 500 }

/** GET object?tagging */
export const getObjectTagging: Operation = async (call) => {
  const { metadata } = await statObject(call.session.files, placeOfKey(bucketPath(call), call.request.key))
  answerXml(call, taggingXml(metadata?.tags ?? {}))
}

function taggingXml(tags: Readonly<Record<string, string>>): string {
  const set = Object.entries(tags)
    .toSorted(([a], [b]) => compareKeys(a, b))
    .map(([key, value]) => group('Tag', element('Key', key) + element('Value', value)))
  return xmlDocument('Tagging', group('TagSet', set.join('')))
}

/** PUT object?tagging */
export const putObjectTagging: Operation = async (call) => {
  await setTags(call, readTags(await xmlBody(call, XML_LIMITS)))
  answerEmpty(call, 200)
}

/** DELETE object?tagging */
export const deleteObjectTagging: Operation = async (call) => {
  await discardBody(call)
  await setTags(call, {})
  answerEmpty(call, 204)
}

async function setTags(call: Call, tags: Record<string, string>): Promise<void> {
  const place = placeOfKey(bucketPath(call), call.request.key)
  await call.session.files.describe(place.path, (entry, metadata) => {
    if ((entry.kind === 'folder') !== place.folder) throw new S3Fault('NoSuchKey')
    return { ...(metadata ?? emptyOf({ entry, metadata })), tags }
  })
}

/** GET bucket?tagging. Fault NoSuchTagSet when it has none. */
export const getBucketTagging: Operation = async (call) => {
  const { files } = call.session
  const { metadata } = await describe(files, await files.stat(await existingBucket(call)))
  const tags = metadata?.tags ?? {}
  if (Object.keys(tags).length === 0) throw new S3Fault('NoSuchTagSet')
  answerXml(call, taggingXml(tags))
}

/** PUT bucket?tagging */
export const putBucketTagging: Operation = async (call) => {
  await setBucketTags(call, readTags(await xmlBody(call, XML_LIMITS), MOST_BUCKET_TAGS))
  answerEmpty(call, 204)
}

/** DELETE bucket?tagging */
export const deleteBucketTagging: Operation = async (call) => {
  await discardBody(call)
  await setBucketTags(call, {})
  answerEmpty(call, 204)
}

async function setBucketTags(call: Call, tags: Record<string, string>): Promise<void> {
  const path = await existingBucket(call)
  await call.session.files.describe(path, (entry, metadata) => ({
    ...(metadata ?? emptyOf({ entry, metadata })),
    tags,
  }))
}

/** The tags of a `<Tagging>`. Faults MalformedXML, InvalidTag. */
export function readTags(root: XmlElement | null, most?: number): Record<string, string> {
  const [set] = root === null || root.local !== 'Tagging' ? [] : childrenNamed(root, 'TagSet')
  if (set === undefined) throw new S3Fault('MalformedXML')
  return tagsOf(
    childrenNamed(set, 'Tag').map((tag) => {
      const key = childText(tag, 'Key')
      if (key === undefined) throw new S3Fault('MalformedXML')
      return { key, value: childText(tag, 'Value') ?? '' }
    }),
    most,
  )
}
