import { request } from 'node:http'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startWorld } from '../test/world.ts'
import { manyFiles } from './data.ts'

/*
 * How far live memory grows while PROPFIND of a folder of 100,000 is answered: server and client in one process, what
 * is garbage collected before each look. The process as a whole is told too; it holds garbage besides.
 */

const ENTRIES = 100_000
const LOOK_BYTES = 2 * 1024 ** 2

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
await using world = await startWorld()
const key = await world.issue()
const { port } = await world.start('webdav')
const authorization = `Basic ${Buffer.from(`${key.login}:${key.value}`).toString('base64')}`

function live(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The answer's length, and the most that was live at any look. */
function list(folder: string): Promise<{ bytes: number; most: number; seconds: number }> {
  const from = performance.now()
  return new Promise((resolve, reject) => {
    const headers = { authorization, depth: '1' }
    const asking = request({ host: '127.0.0.1', port, path: `/${folder}/`, method: 'PROPFIND', headers })
    asking.on('error', reject)
    asking.on('response', (response) => {
      let bytes = 0
      let most = 0
      let next = LOOK_BYTES
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes < next) return
        next += LOOK_BYTES
        most = Math.max(most, live())
      })
      response.on('end', () =>
        resolve({ bytes, most: Math.max(most, live()), seconds: (performance.now() - from) / 1000 }),
      )
    })
    asking.end()
  })
}

const mib = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`
await manyFiles(join(world.root, 'few'), 1_000, 0)
await manyFiles(join(world.root, 'many'), ENTRIES, 0)
for (let warm = 0; warm < 20; warm++) await list('few')
const before = live()
for (let round = 0; round < 2; round++) {
  const { bytes, most, seconds } = await list('many')
  const grown = `${mib(most - before)} more live at most, ${mib(live() - before)} afterwards`
  const whole = mib(process.memoryUsage().rss)
  console.log(`answer of ${mib(bytes)} in ${seconds.toFixed(1)} s: ${grown}; process ${whole}`)
}
