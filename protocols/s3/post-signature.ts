import { S3Fault } from './errors.ts'
import { proofOf, readCredential, type SignedRequest, USE_V4 } from './sigv4.ts'

/** Reads the signature of a form: it is over its policy. Null when the form has neither. */
export function readFormSignature(fields: ReadonlyMap<string, string>): SignedRequest | null {
  if (fields.has('awsaccesskeyid') || (fields.has('signature') && !fields.has('x-amz-signature'))) {
    throw new S3Fault('InvalidRequest', USE_V4)
  }
  const policy = fields.get('policy')
  const names = ['x-amz-algorithm', 'x-amz-credential', 'x-amz-date', 'x-amz-signature']
  if (policy === undefined && names.every((name) => !fields.has(name))) return null
  const field = (name: string): string => {
    const value = fields.get(name)
    if (value !== undefined) return value
    throw new S3Fault('InvalidArgument', `Bucket POST must contain a field named '${name}'.`)
  }
  const text = field('policy')
  if (field('x-amz-algorithm') !== 'AWS4-HMAC-SHA256') throw new S3Fault('InvalidRequest', USE_V4)
  const timestamp = field('x-amz-date')
  if (!/^\d{8}T\d{6}Z$/.test(timestamp))
    throw new S3Fault('InvalidArgument', 'x-amz-date must be yyyymmddThhmmssZ.')
  const signature = field('x-amz-signature')
  const claim = {
    mode: 'form',
    ...readCredential(field('x-amz-credential'), timestamp, 'AuthorizationQueryParametersError'),
    timestamp,
    signedHeaders: [],
    signature,
    payload: 'UNSIGNED-PAYLOAD',
  } as const
  return proofOf(claim, text, /^[0-9a-f]{64}$/.test(signature))
}
