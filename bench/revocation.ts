import { join } from 'node:path'
import { headSeal } from '#audit/chain.ts'
import type { Session } from '#credentials/gate.ts'
import { disableKey, enableKey } from '#identity/keys.ts'
import { openSqlite } from '#records/open.ts'
import { startWorld, type World, type WorldKey } from '../test/world.ts'

/*
 * How long a session lives on after its key was disabled (REQUIREMENTS.md, R1): by this process, and by
 * another connection to the database, which is what another process is. Prints milliseconds.
 */

const ROUNDS = 200
const OPERATOR = { kind: 'command_line' } as const

async function openSession(world: World, { login, value }: WorldKey): Promise<Session> {
  const at = { door: 'sftp', address: '127.0.0.1', siteId: null, client: 'bench' } as const
  const result = await world.gate.login({ ...at, proof: { kind: 'password', login, password: value } })
  if (!result.ok) throw new Error('refused')
  return world.gate.open(result.principal, at)
}

async function measure(world: World, disable: (keyId: string) => Promise<unknown>): Promise<number[]> {
  const key = await world.issue()
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    using session = await openSession(world, key)
    const cut = new Promise<number>((resolve) => {
      session.signal.addEventListener('abort', () => resolve(performance.now()), { once: true })
    })
    // Not in step with the feed's polling.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 50))
    const asked = performance.now()
    await disable(key.id)
    times.push((await cut) - asked)
    await enableKey(world.identity, OPERATOR, world.site.id, key.id)
  }
  return times.toSorted((a, b) => a - b)
}

function report(name: string, times: readonly number[]): void {
  const at = (share: number) =>
    (times[Math.min(Math.floor(times.length * share), times.length - 1)] ?? 0).toFixed(1)
  console.log(
    `${name.padEnd(24)} p50 ${at(0.5).padStart(6)}  p99 ${at(0.99).padStart(6)}  max ${at(1).padStart(6)}  ms`,
  )
}

// The feed's timer alone does not keep a process alive.
const alive = setInterval(() => undefined, 1_000)
await using world = await startWorld()
const { id: siteId } = world.site
report('same process', await measure(world, (keyId) => disableKey(world.identity, OPERATOR, siteId, keyId)))

await using other = await openSqlite(join(world.folder.path, 'latchkey.db'), { clock: world.clock })
other.audit.sealWith(headSeal(world.folder.pepper))
const elsewhere = { ...world.identity, store: other.identity, changed: () => other.changes.poll() }
report('another connection', await measure(world, (keyId) => disableKey(elsewhere, OPERATOR, siteId, keyId)))
clearInterval(alive)
