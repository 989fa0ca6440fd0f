import { answerXml, bucketPath, header, type Operation } from '../call.ts'
import { S3Fault } from '../errors.ts'
import { placeOfKey } from '../keys.ts'
import { element, group, xmlDocument } from '../markup.ts'
import { etagOf, statObject, storedChecksum } from '../objects.ts'
import { checksumElements } from './upload-part.ts'

/** GET object?attributes: those that `x-amz-object-attributes` names. */
export const getObjectAttributes: Operation = async (call) => {
  const described = await statObject(call.session.files, placeOfKey(bucketPath(call), call.request.key))
  const { entry, metadata } = described
  const asked = (header(call, 'x-amz-object-attributes') ?? '').split(',').map((name) => name.trim())
  if (asked.every((name) => name === '')) {
    throw new S3Fault('InvalidArgument', 'x-amz-object-attributes must name at least one attribute.')
  }
  const stored = storedChecksum(metadata)
  const parts = metadata?.parts.length ?? 0
  const known = new Map([
    ['ETag', element('ETag', etagOf(described))],
    [
      'Checksum',
      stored === null
        ? ''
        : group(
            'Checksum',
            checksumElements({ [stored.header]: stored.value }) + element('ChecksumType', stored.type),
          ),
    ],
    ['ObjectParts', parts === 0 ? '' : group('ObjectParts', element('PartsCount', parts))],
    ['StorageClass', element('StorageClass', 'STANDARD')],
    ['ObjectSize', element('ObjectSize', entry.size)],
  ])
  const inner = [...known].filter(([name]) => asked.includes(name)).map(([, xml]) => xml)
  answerXml(call, xmlDocument('GetObjectAttributesResponse', inner.join('')), {
    'Last-Modified': new Date(entry.modified).toUTCString(),
  })
}
