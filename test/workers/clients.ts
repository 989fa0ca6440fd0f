import { readdir, readFile, readlink } from 'node:fs/promises'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '../clients/server.ts'

export type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string }

/** One connection of HTTP, which one worker serves. */
export type Pinned = Disposable & {
  /** Process id of the worker. */
  readonly worker: number
  send(
    method: string,
    path: string,
    options?: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Buffer },
  ): Promise<Answer>
}

/** A connection to each worker: as many as it takes to have met all that serve, the new ones too. */
export async function oneToEach(server: Server, url: string, authorization: string): Promise<Pinned[]> {
  const found = new Map<number, Pinned>()
  for (;;) {
    const workers = await server.workers()
    const met = workers.flatMap((pid) => found.get(pid) ?? [])
    if (workers.length > 1 && met.length === workers.length) return met
    const one = await pin(server, url, authorization).catch(() => null)
    if (one === null || found.has(one.worker)) {
      one?.[Symbol.dispose]()
      // It may still be starting.
      await sleep(50)
    } else found.set(one.worker, one)
  }
}

/** A connection that stays open. */
export async function pin(server: Server, url: string, authorization: string): Promise<Pinned> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let port = 0
  const send: Pinned['send'] = (method, path, { headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const asking = request(`${url}${path}`, { method, agent, headers: { authorization, ...headers } })
      asking.on('socket', (socket) => {
        const note = () => {
          if (port !== 0 && port !== socket.localPort) reject(new Error('the connection was not kept'))
          port = socket.localPort ?? 0
        }
        if (socket.connecting) socket.once('connect', note)
        else note()
      })
      asking.on('error', reject)
      asking.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        )
      })
      asking.end(body)
    })
  await send('OPTIONS', '/demo/')
  const worker = await workerOf(server, Number(new URL(url).port), port)
  return { worker, send, [Symbol.dispose]: () => agent.destroy() }
}

/** Which process has the server's end of a connection, by its ports (proc(5), `/proc/net/tcp`). */
export async function workerOf(server: Server, local: number, remote: number): Promise<number> {
  const ending = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/))
  const line = lines.find((one) => one[1]?.endsWith(ending(local)) && one[2]?.endsWith(ending(remote)))
  for (const pid of await server.workers()) {
    const links = await Promise.all(
      (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
    )
    if (links.includes(`socket:[${line?.[9]}]`)) return pid
  }
  throw new Error('no worker has this connection')
}

export function basic({ login, value }: { readonly login: string; readonly value: string }): string {
  return `Basic ${Buffer.from(`${login}:${value}`).toString('base64')}`
}
