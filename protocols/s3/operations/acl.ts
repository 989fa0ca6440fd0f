import type { XmlElement } from '#net/xml.ts'
import { xmlBody } from '../body.ts'
import { answerEmpty, answerXml, type Call, existingBucket, type Operation } from '../call.ts'
import { S3Fault } from '../errors.ts'
import { refuseUnkept } from '../given-metadata.ts'
import { placeOfKey } from '../keys.ts'
import { childrenNamed, childText, group, xmlDocument } from '../markup.ts'
import { ownerXml, statObject } from '../objects.ts'

const XML_LIMITS = { maxBytes: 64 * 1024, maxNodes: 1_000 }
const XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"'

/** GET ?acl of a bucket or object: the owner has all rights. Who may do what is a matter of grants. */
export const getAcl: Operation = async (call) => {
  await requireTarget(call)
  const owner = ownerXml(call)
  const grant = `<Grantee ${XSI}>${owner}</Grantee><Permission>FULL_CONTROL</Permission>`
  answerXml(
    call,
    xmlDocument(
      'AccessControlPolicy',
      group('Owner', owner) + group('AccessControlList', group('Grant', grant)),
    ),
  )
}

/** PUT ?acl: takes what changes nothing (private, or grants to the owner alone). Fault NotImplemented. */
export const putAcl: Operation = async (call) => {
  refuseUnkept(call)
  const root = await xmlBody(call, XML_LIMITS)
  await requireTarget(call)
  if (root !== null && !grantsOwnerOnly(root, call.session.principal.siteId)) {
    throw new S3Fault(
      'NotImplemented',
      'Access control lists cannot give rights to others here; grants do that.',
    )
  }
  answerEmpty(call, 200)
}

function grantsOwnerOnly(root: XmlElement, owner: string): boolean {
  const grants = childrenNamed(root, 'AccessControlList').flatMap((list) => childrenNamed(list, 'Grant'))
  return grants.every((grant) =>
    childrenNamed(grant, 'Grantee').every((grantee) => childText(grantee, 'ID') === owner),
  )
}

async function requireTarget(call: Call): Promise<void> {
  const bucket = await existingBucket(call)
  if (call.request.key !== '') await statObject(call.session.files, placeOfKey(bucket, call.request.key))
}
