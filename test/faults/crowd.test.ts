import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Server, startServer } from '../clients/server.ts'
import { residentMemory } from './traces.ts'
import { contentOf } from './versions.ts'
import { connectWriters, type Writer } from './writers.ts'

/** Minutes; ten in a long run. */
const MINUTES = Number(process.env.LATCHKEY_CROWD_MINUTES ?? 0.5)
const IDLE_CONNECTIONS = 1_000
const BUSY_SETS = Number(process.env.LATCHKEY_CROWD_BUSY ?? 5)
const FTP_IDLE = 100

/** Connections that say nothing, or only half of something. */
function idle(server: Server): Promise<Socket[]> {
  const beginnings = [
    [server.demo.webdav, 'GET / HTTP/1.1\r\nHost: x\r\n'],
    [server.demo.s3, 'PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n'],
    [server.demo.rest, ''],
    [server.demo.webdav, ''],
  ] as const
  const sockets = Array.from({ length: IDLE_CONNECTIONS }, (_, at) => {
    // Of FTP only so many are let in from one address.
    const ftp = [server.demo.ftp, 'USER no'] as const
    const [url = '', text = ''] = at < FTP_IDLE ? ftp : (beginnings[at % beginnings.length] ?? [])
    return new Promise<Socket>((resolve) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      socket.on('error', () => resolve(socket))
      socket.on('connect', () => {
        socket.write(text)
        resolve(socket)
      })
    })
  })
  return Promise.all(sockets)
}

async function busy(writer: Writer, until: number): Promise<number> {
  let count = 0
  while (performance.now() < until) {
    await writer.put(`/demo/${writer.door}-${count % 3}`, contentOf(writer.door, count, 100_000))
    count += 1
  }
  return count
}

test('1,000 idle connections and busy sessions at every door: all are served and memory stays flat', async () => {
  await using server = await startServer()
  const sockets = await idle(server)
  // One set after the other: only so many logins at once are let in from one address.
  const writers: Writer[] = []
  for (let set = 0; set < BUSY_SETS; set++) writers.push(...(await connectWriters(server.demo)))
  const end = performance.now() + MINUTES * 60_000
  const work = writers.map((writer) => busy(writer, end))
  // The first quarter fills buffers and caches.
  await sleep((MINUTES * 60_000) / 4)
  const samples: number[] = []
  while (performance.now() < end) {
    samples.push(await residentMemory(server))
    await sleep(1_000)
  }
  const counts = await Promise.all(work)
  for (const count of counts) expect(count).toBeGreaterThan(0)
  for (const socket of sockets) socket.destroy()
  for (const writer of writers) writer.close()
  const half = Math.floor(samples.length / 2)
  const highest = (some: readonly number[]) => Math.max(...some)
  const [before, after] = [highest(samples.slice(0, half)), highest(samples.slice(half))]
  console.log(`${counts.length} busy sessions; at most ${before.toFixed(0)}, then ${after.toFixed(0)} MiB`)
  expect(after - before).toBeLessThan(64)
})
