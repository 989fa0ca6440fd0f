import type { AccessSecret, Proof } from '#credentials/proof.ts'
import { S3Fault } from '#protocols/s3/errors.ts'
import type { S3Request } from '#protocols/s3/request.ts'
import { readSignature } from '#protocols/s3/sigv4.ts'

/** Whether the request's signature is right for the secret, as the gate would ask; or the S3 code of a refusal. */
export function verdictOf(request: S3Request, secret: AccessSecret, now: number): boolean | string {
  try {
    const signed = readSignature(request, now)
    return signed === null ? 'nothing presented' : matches(signed.proof, secret)
  } catch (error) {
    return error instanceof S3Fault ? error.s3Code : String(error)
  }
}

export function matches(proof: Proof, secret: AccessSecret): boolean {
  return proof.kind === 'sigv4' && proof.matches(secret)
}
