import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { SignatureV4 } from '@smithy/signature-v4'
import { Sha256 } from './sha256.ts'

export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** `100 Continue` came. */
  readonly continued: boolean
}

export type Pair = { readonly accessKeyId: string; readonly secretAccessKey: string }
export type Headers = Readonly<Record<string, string>>
export type Body = string | Uint8Array | null

/** Sends requests as they are, or signed by @smithy/signature-v4, to an S3 door. */
export type Wire = {
  send(method: string, path: string, headers?: Headers, body?: Body): Promise<Answer>
  /** The headers of a signed request. */
  sign(method: string, path: string, headers?: Headers, pair?: Pair, at?: number): Promise<Headers>
  signed(method: string, path: string, headers?: Headers, body?: Body, pair?: Pair): Promise<Answer>
  /** Path and query of a presigned URL. */
  presign(method: string, path: string, more?: Presigning): Promise<string>
  /** All that comes back for raw messages on one connection. */
  raw(...messages: readonly (string | Uint8Array)[]): Promise<string>
}

export type Presigning = {
  readonly headers?: Headers
  readonly expiresIn?: number
  /** Milliseconds since the epoch; default now. */
  readonly at?: number
  readonly pair?: Pair
}

export function wireTo(port: number, own: Pair): Wire {
  const host = `127.0.0.1:${port}`
  const target = (path: string) => {
    const [pathname = '', search = ''] = path.split('?')
    return { path: pathname, query: Object.fromEntries(new URLSearchParams(search)) }
  }
  const base = { protocol: 'http:', hostname: '127.0.0.1' }

  async function sign(method: string, path: string, headers: Headers = {}, pair = own, at = Date.now()) {
    const { headers: signed } = await signerOf(pair).sign(
      {
        ...base,
        ...target(path),
        method,
        headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...headers },
      },
      { signingDate: new Date(at) },
    )
    return signed
  }
  const send: Wire['send'] = (method, path, headers = {}, body = null) =>
    exchange(port, method, path, headers, body)
  return {
    send,
    sign,
    signed: async (method, path, headers, body, pair) =>
      send(method, path, await sign(method, path, headers, pair), body),
    async presign(method, path, { headers = {}, expiresIn = 60, at = Date.now(), pair = own } = {}) {
      const signed = await signerOf(pair).presign(
        {
          ...base,
          ...target(path),
          method,
          headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...headers },
        },
        { expiresIn, signingDate: new Date(at) },
      )
      const pairs = Object.entries(signed.query ?? {}).map(
        ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
      )
      return `${signed.path}?${pairs.join('&')}`
    },
    raw: (...messages) => overOneSocket(port, messages),
  }
}

function signerOf({ accessKeyId, secretAccessKey }: Pair): SignatureV4 {
  return new SignatureV4({
    credentials: { accessKeyId, secretAccessKey },
    region: 'local',
    service: 's3',
    sha256: Sha256,
    uriEscapePath: false,
  })
}

/** The S3 code of an error answer. */
export function codeOf({ text }: Answer): string | undefined {
  return /<Code>(.*?)<\/Code>/.exec(text)?.[1]
}

function exchange(port: number, method: string, path: string, headers: Headers, body: Body): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let continued = false
    const options = { host: '127.0.0.1', port, method, path, headers, agent: false }
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
          continued,
        }),
      )
    })
    request.on('continue', () => {
      continued = true
      request.end(body)
    })
    request.on('error', reject)
    if (headers.expect === undefined) request.end(body ?? undefined)
    else request.flushHeaders()
  })
}

function overOneSocket(port: number, messages: readonly (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    for (const message of messages) socket.write(message, 'latin1')
    socket.setTimeout(5_000, () => socket.destroy())
  })
}
