import { createHmac, hash } from 'node:crypto'

/** Where an S3 server is and who asks. */
export type S3Access = {
  readonly host: string
  readonly port: number
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

export type S3Ask = {
  readonly method: string
  /** `/bucket/key`, percent-encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Target and headers of a request signed with SigV4; its payload is not. Valid for 15 minutes. */
export function signed(access: S3Access, ask: S3Ask): { target: string; headers: Record<string, string> } {
  const timestamp = new Date().toISOString().replace(/\.\d+|[-:]/g, '')
  const query = Object.entries(ask.query ?? {})
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .sort()
    .join('&')
  const headers: Record<string, string> = {
    ...ask.headers,
    host: `${access.host}:${access.port}`,
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    'x-amz-date': timestamp,
  }
  const names = Object.keys(headers).sort()
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('')
  const canonical = [ask.method, ask.path, query, lines, names.join(';'), 'UNSIGNED-PAYLOAD'].join('\n')
  const scope = `${timestamp.slice(0, 8)}/${access.region}/s3/aws4_request`
  const text = `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${hash('sha256', canonical)}`
  const signature = createHmac('sha256', keyOf(access, timestamp.slice(0, 8)))
    .update(text)
    .digest('hex')
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${access.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return { target: query === '' ? ask.path : `${ask.path}?${query}`, headers }
}

const keys = new Map<string, Buffer>()

function keyOf({ secretAccessKey, region }: S3Access, day: string): Buffer {
  const mark = `${secretAccessKey} ${region} ${day}`
  const held = keys.get(mark)
  if (held !== undefined) return held
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer>(
    (step, text) => createHmac('sha256', step).update(text).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  )
  keys.set(mark, key)
  return key
}
