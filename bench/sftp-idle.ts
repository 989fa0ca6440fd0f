import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import ssh2 from 'ssh2'
import { type Server, startServer } from '../test/clients/server.ts'

/*
 * What idle SFTP sessions cost: opens many, each logged in and with the SFTP subsystem running, and prints by how
 * much the server's memory grew for each, how many logins it took a second, and how long a new login takes then.
 *
 *   node bench/sftp-idle.ts [--sessions 1000] [--at-once 16] [--json FILE]
 */

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000' },
    'at-once': { type: 'string', default: '16' },
    json: { type: 'string' },
  },
})
const SESSIONS = Number(values.sessions)
const AT_ONCE = Number(values['at-once'])
/** Logged in before the count begins: what every server needs once is loaded then. */
const WARM_UP = 50
const SETTLE_MS = 2_000

function login({ demo }: Server): Promise<ssh2.Client> {
  const client = new ssh2.Client()
  return new Promise((resolve, reject) => {
    client.on('error', reject)
    client.on('ready', () => {
      client.subsys('sftp', (error, channel) => {
        if (error) return reject(error)
        channel.on('data', () => resolve(client))
        // INIT, version 3.
        channel.write(Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]))
      })
    })
    const { hostname: host, port } = new URL(demo.sftp)
    const connection = { host, port: Number(port), username: demo.login, password: demo.value }
    client.connect({ ...connection, readyTimeout: 60_000, keepaliveInterval: 0 })
  })
}

async function open(server: Server, count: number): Promise<ssh2.Client[]> {
  const clients: ssh2.Client[] = []
  let left = count
  const worker = async () => {
    while (left > 0) {
      left -= 1
      clients.push(await login(server))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return clients
}

/** Memory of a process in bytes: all that is resident, and the part that is no file's (programs and libraries are). */
async function memoryOf(pid: number): Promise<{ readonly resident: number; readonly own: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kibibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0)
  return { resident: kibibytes('VmRSS') * 1024, own: kibibytes('RssAnon') * 1024 }
}

await using server = await startServer()
const warm = await open(server, WARM_UP)
await delay(SETTLE_MS)
const before = await memoryOf(server.pid)
const from = performance.now()
const clients = await open(server, SESSIONS)
const seconds = (performance.now() - from) / 1000
await delay(SETTLE_MS)
const after = await memoryOf(server.pid)
const asked = performance.now()
const [one] = await open(server, 1)
const figures = {
  sessions: clients.length,
  kilobytesPerSession: Math.round((after.resident - before.resident) / clients.length / 1000),
  residentMegabytes: Math.round(after.resident / 1e6),
  ownMegabytes: Math.round(after.own / 1e6),
  loginsPerSecond: Math.round(clients.length / seconds),
  newLoginMs: Math.round(performance.now() - asked),
}
for (const client of [...warm, ...clients, ...(one ? [one] : [])]) client.destroy()
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
if (values.json !== undefined) {
  const { writeFile } = await import('node:fs/promises')
  await writeFile(values.json, `${JSON.stringify(figures)}\n`)
}
