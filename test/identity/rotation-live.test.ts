import { describe, expect, test } from 'vitest'
import { rotateKey } from '#identity/rotate-key.ts'
import { startWorld, type World } from '#test/world.ts'

const OPERATOR = { kind: 'command_line' } as const
const MINUTE = 60_000

/** Logs in with the value over SFTP, as the key. */
async function enters({ gate }: World, login: string, password: string): Promise<boolean> {
  const attempt = { door: 'sftp', address: '192.0.2.1', siteId: null, client: '' } as const
  return (await gate.login({ ...attempt, proof: { kind: 'password', login, password } })).ok
}

describe('K9: during a rotation', () => {
  test('a script that logs in 50 times a second sees no refusal, and the old value stops on the dot', async () => {
    await using world = await startWorld()
    const { id, login, value: old } = await world.issue({ expiresAt: null })
    let refused = 0
    let entered = 0
    let value = old
    const script = setInterval(() => {
      void enters(world, login, value).then((ok) => {
        entered += Number(ok)
        refused += Number(!ok)
      })
    }, 20)
    const more = async (logins: number) => {
      const until = entered + logins
      await expect.poll(() => entered, { timeout: 10_000 }).toBeGreaterThanOrEqual(until)
    }
    await more(10)
    const rotated = await rotateKey(world.identity, OPERATOR, world.site.id, id, { overlap: MINUTE })
    await more(25)
    value = rotated.value
    await more(25)
    clearInterval(script)
    expect(refused).toBe(0)
    // Real time goes on beside the turned clock: it is turned to within the rest of the overlap.
    const stops = rotated.key.values[0]?.stopsAt ?? 0
    world.clock.advance(stops - world.clock.now() - 5_000)
    expect(await enters(world, login, old)).toBe(true)
    world.clock.advance(stops - world.clock.now())
    expect(await enters(world, login, old)).toBe(false)
    expect(await enters(world, login, value)).toBe(true)
  })

  test('R1: a session on the old value goes on for the overlap, and is cut when that is over', async () => {
    await using world = await startWorld()
    const { id, login, value } = await world.issue({ expiresAt: null })
    const connection = { door: 'sftp', address: '192.0.2.1', client: '' } as const
    const proof = { kind: 'password', login, password: value } as const
    const result = await world.gate.login({ ...connection, siteId: null, proof })
    if (!result.ok) throw new Error('refused')
    using session = world.gate.open(result.principal, connection)
    await rotateKey(world.identity, OPERATOR, world.site.id, id, { overlap: MINUTE })
    // Another change has the session looked at again.
    await world.identity.changed?.()
    expect(session.signal.aborted).toBe(false)
    world.clock.advance(MINUTE)
    expect(session.signal.aborted).toBe(true)
  })

  test('R1: without an overlap a session on the old value is cut at once', async () => {
    await using world = await startWorld()
    const { id, login, value } = await world.issue()
    const connection = { door: 'ftp', address: '192.0.2.1', client: '' } as const
    const proof = { kind: 'password', login, password: value } as const
    const result = await world.gate.login({ ...connection, siteId: null, proof })
    if (!result.ok) throw new Error('refused')
    using session = world.gate.open(result.principal, connection)
    await rotateKey(world.identity, OPERATOR, world.site.id, id)
    await expect.poll(() => session.signal.aborted).toBe(true)
  })
})
