import { afterAll, beforeAll, expect, test } from 'vitest'
import { stepAt, totpCode, totpContext } from '#credentials/totp.ts'
import { type Console, PASSWORD, startConsole } from '#test/protocols/console/client.ts'

/*
 * Tries of a second factor were counted after they were judged: whoever knew a password could send any number of
 * codes at the same moment, and all were judged before the first wrong one counted (REQUIREMENTS.md, R2).
 */

let site: Console
beforeAll(async () => {
  site = await startConsole()
}, 120_000)
afterAll(() => site[Symbol.asyncDispose](), 120_000)

const HERE = { address: '192.0.2.7', siteId: null, client: 'test' }

/** Somebody with a second factor, whose password is known. */
async function armed(name: string): Promise<Buffer> {
  const { clock, folder, identity } = site.world
  const secret = Buffer.alloc(20, 5)
  const userId = await site.addPerson(name)
  const sealed = folder.sealer.seal(secret, totpContext(userId))
  await identity.store.beginSecondFactor(userId, sealed, clock.now())
  const user = { siteId: site.world.site.id, userId }
  const nobody = { userId: null, userName: null, keyId: null, keyName: null, door: null, address: null }
  const entry = { action: 'user.update', outcome: 'ok', reason: '', subject: '', at: clock.now() } as const
  const given = { step: 0, codes: [], now: clock.now(), keepBrowser: undefined }
  await identity.store.confirmSecondFactor(user, given, { ...nobody, ...entry, siteId: user.siteId })
  return secret
}

async function halfIn(name: string): Promise<string> {
  const entered = await site.world.core.gate.people.enter({ ...HERE, login: name, password: PASSWORD })
  if (entered.kind !== 'code') throw new Error(`entered: ${entered.kind}`)
  return entered.cookie
}

function rightCode(secret: Buffer): string {
  return totpCode(secret, stepAt(site.world.clock.now()))
}

function wrongCodes(secret: Buffer, count: number): string[] {
  const now = stepAt(site.world.clock.now())
  const right = new Set([-1, 0, 1].map((drift) => totpCode(secret, now + drift)))
  const all = Array.from({ length: count + 3 }, (_, number) => String(number).padStart(6, '0'))
  return all.filter((code) => !right.has(code)).slice(0, count)
}

test('five tries are five, also when they come together', async () => {
  const secret = await armed('ann')
  const cookie = await halfIn('ann')
  const { people } = site.world.core.gate
  const codes = [...wrongCodes(secret, 9), rightCode(secret)]
  const answers = await Promise.all(codes.map((code) => people.confirm({ ...HERE, cookie, code })))
  expect(answers.filter(({ kind }) => kind === 'refused')).toHaveLength(5)
  expect(answers.filter(({ kind }) => kind === 'over')).toHaveLength(5)
})

test('wrong codes of many logins hold back the next one, also when they come together', async () => {
  const secret = await armed('bea')
  const cookies: string[] = []
  while (cookies.length < 31) cookies.push(await halfIn('bea'))
  const codes = [...wrongCodes(secret, 30), rightCode(secret)]
  const { people } = site.world.core.gate
  const answers = await Promise.all(
    codes.map((code, index) => people.confirm({ ...HERE, cookie: cookies[index] ?? '', code })),
  )
  expect(answers.at(-1)).toMatchObject({ kind: 'refused', retryAfter: expect.any(Number) })
})
