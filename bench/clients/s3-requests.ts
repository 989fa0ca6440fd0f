import { Agent, type ClientRequest, request } from 'node:http'
import { type S3Access, type S3Ask, signed } from './s3-signed.ts'

export type S3Answer = {
  readonly status: number
  readonly text: string
  readonly etag: string
}

/** One request; rejects unless it is answered 200 or 204. */
export async function askS3(access: S3Access, ask: S3Ask, body: Buffer | null = null): Promise<S3Answer> {
  const agent = new Agent({ keepAlive: false })
  return send(agent, access, { ...prepared(access, ask, body), body })
}

/** All requests over `connections` kept connections. They are signed before the clock starts; seconds. */
export async function askManyS3(
  access: S3Access,
  asks: readonly S3Ask[],
  body: Buffer | null,
  connections: number,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const ready = asks.map((ask) => ({ ...prepared(access, ask, body), body }))
  let next = 0
  const work = async () => {
    for (let one = ready[next++]; one !== undefined; one = ready[next++]) await send(agent, access, one)
  }
  const from = performance.now()
  try {
    await Promise.all(Array.from({ length: connections }, work))
  } finally {
    agent.destroy()
  }
  return (performance.now() - from) / 1000
}

type Prepared = {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
}

function prepared(access: S3Access, ask: S3Ask, body: Buffer | null): Omit<Prepared, 'body'> {
  const { target, headers } = signed(access, ask)
  const length = ask.method === 'GET' ? {} : { 'content-length': `${body?.length ?? 0}` }
  return { method: ask.method, path: target, headers: { ...headers, ...length } }
}

function send(agent: Agent, { host, port }: S3Access, one: Prepared): Promise<S3Answer> {
  const { method, path, headers, body } = one
  return new Promise((resolve, reject) => {
    const sending: ClientRequest = request({ agent, host, port, method, path, headers })
    sending.on('error', reject)
    sending.on('response', (answer) => {
      const chunks: Buffer[] = []
      answer.on('error', reject)
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const status = answer.statusCode ?? 0
        if (status === 200 || status === 204) resolve({ status, text, etag: answer.headers.etag ?? '' })
        else reject(new Error(`${method} ${path} was answered ${status}: ${text.slice(0, 500)}`))
      })
    })
    sending.end(body ?? undefined)
  })
}
