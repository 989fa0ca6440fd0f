import { type Call, header, param } from './call.ts'
import { S3Fault } from './errors.ts'

/** Whom a client believes its buckets to belong to: here all of them are the site's. Fault AccessDenied. */
export function checkOwner(call: Call): void {
  const owner = call.session.principal.siteId
  for (const name of ['x-amz-expected-bucket-owner', 'x-amz-source-expected-bucket-owner']) {
    const expected = header(call, name) ?? param(call, name)
    if (expected !== undefined && expected.trim() !== owner)
      throw new S3Fault('AccessDenied', 'The bucket does not belong to the expected owner.')
  }
}
