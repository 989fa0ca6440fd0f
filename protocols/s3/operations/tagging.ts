import type { XmlElement } from '#net/xml.ts'
import { discardBody, xmlBody } from '../body.ts'
import { answerEmpty, answerXml, bucketPath, type Call, type Operation } from '../call.ts'
import { S3Fault } from '../errors.ts'
import { tagsOf } from '../given-metadata.ts'
import { placeOfKey } from '../keys.ts'
import { childrenNamed, childText, element, group, xmlDocument } from '../markup.ts'
import { statObject } from '../objects.ts'
import { emptyOf, replaceMetadata } from './copy-object.ts'

const XML_LIMITS = { maxBytes: 64 * 1024, maxNodes: 500 }

/** GET object?tagging */
export const getObjectTagging: Operation = async (call) => {
  const { metadata } = await statObject(call.session.files, placeOfKey(bucketPath(call), call.request.key))
  const tags = Object.entries(metadata?.tags ?? {}).map(([key, value]) =>
    group('Tag', element('Key', key) + element('Value', value)),
  )
  answerXml(call, xmlDocument('Tagging', group('TagSet', tags.join(''))))
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
  if (place.folder) throw new S3Fault('NotImplemented', 'Folder markers have no tags.')
  const found = await statObject(call.session.files, place)
  // The same bytes with the same time and ETag: to a client only the tags are new.
  await replaceMetadata(call, found, { ...(found.metadata ?? emptyOf(found)), tags }, found.entry.modified)
}

function readTags(root: XmlElement | null): Record<string, string> {
  const [set] = root === null || root.local !== 'Tagging' ? [] : childrenNamed(root, 'TagSet')
  if (set === undefined) throw new S3Fault('MalformedXML')
  return tagsOf(
    childrenNamed(set, 'Tag').map((tag) => {
      const key = childText(tag, 'Key')
      if (key === undefined) throw new S3Fault('MalformedXML')
      return { key, value: childText(tag, 'Value') ?? '' }
    }),
  )
}
