import { createHmac, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { signingKey } from '#protocols/s3/canonical.ts'
import type { Headers, Pair } from './wire.ts'

const EMPTY = hash('sha256', '')

export type SignedChunks = {
  /** The bytes of the body, chunk by chunk; the last is the final one with its trailers. */
  readonly frames: readonly Buffer[]
}

/** A body in signed chunks, as the request with these signed headers begins its chain. */
export function signedChunks(
  pair: Pair,
  headers: Headers,
  chunks: readonly Buffer[],
  trailer: { readonly name: string; readonly value: string } | null = null,
): SignedChunks {
  const timestamp = headers['x-amz-date'] ?? ''
  const date = timestamp.slice(0, 8)
  const key = signingKey({ text: pair.secretAccessKey }, { date, region: 'local' })
  const scope = `${date}/local/s3/aws4_request`
  let previous = /Signature=([0-9a-f]+)/.exec(headers.authorization ?? '')?.[1] ?? ''
  const sign = (kind: string, middle: string, digest: string) => {
    const text = `AWS4-HMAC-SHA256-${kind}\n${timestamp}\n${scope}\n${previous}\n${middle}${digest}`
    previous = createHmac('sha256', key).update(text).digest('hex')
    return previous
  }
  const frame = (data: Buffer) => {
    const signature = sign('PAYLOAD', `${EMPTY}\n`, hash('sha256', data))
    return Buffer.from(`${data.length.toString(16)};chunk-signature=${signature}\r\n`)
  }
  const frames = chunks.map((data) => Buffer.concat([frame(data), data, Buffer.from('\r\n')]))
  const last = [frame(Buffer.alloc(0))]
  if (trailer !== null) {
    const line = `${trailer.name}:${trailer.value}`
    const signature = sign('TRAILER', '', hash('sha256', `${line}\n`))
    last.push(Buffer.from(`${line}\r\nx-amz-trailer-signature:${signature}\r\n`))
  }
  last.push(Buffer.from('\r\n'))
  return { frames: [...frames, Buffer.concat(last)] }
}

export function crc32Of(data: Uint8Array): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(data))
  return bytes.toString('base64')
}
