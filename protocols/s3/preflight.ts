import { S3Fault } from './errors.ts'
import type { S3Request } from './request.ts'

/**
 * Answers a browser's CORS preflight: no bucket lets pages of other origins in. It is no attempt to log in, for the
 * signature of a presigned URL is not one for OPTIONS. Faults BadRequest, AccessForbidden.
 */
export function refusePreflight({ method, headers }: S3Request): void {
  if (method !== 'OPTIONS') return
  for (const name of ['Origin', 'Access-Control-Request-Method']) {
    if (!headers.has(name.toLowerCase()))
      throw new S3Fault('BadRequest', `Insufficient information. ${name} is missing.`)
  }
  throw new S3Fault('AccessForbidden')
}
