import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashPassword, verifyPassword } from '#credentials/passwords.ts'
import { Fault } from '#faults'
import { checkPassword } from '#identity/password-rule.ts'
import type { IdentityStore } from '#identity/ports.ts'
import { createTicket, isTicket, redeemTicket } from '#identity/tickets.ts'
import { type Office, OPERATOR, openOffice } from './office.ts'

let office: Office
const hashes: string[] = []
beforeAll(async () => {
  const opened = await openOffice()
  const store: IdentityStore = {
    ...opened.deps.store,
    setPassword: (siteId, userId, hash, audit) => {
      hashes.push(hash)
      return opened.deps.store.setPassword(siteId, userId, hash, audit)
    },
  }
  office = { ...opened, deps: { ...opened.deps, store } }
})
afterAll(() => office[Symbol.asyncDispose]())

const AT = { door: 'rest', address: '192.0.2.7' } as const
const PASSWORD = 'correct horse battery'
const make = () => createTicket(office.deps, OPERATOR, office.site.id, { name: 'ada' })
const redeem = (ticket: string, password = PASSWORD) => redeemTicket(office.deps, { ticket, password }, AT)
const notFound = expect.objectContaining({ code: 'not_found' })

describe('a one-time link', () => {
  test('sets the password of its user once, and is recorded as that user’s doing', async () => {
    const { ticket } = await make()
    expect(isTicket(ticket)).toBe(true)
    expect(await redeem(ticket)).toEqual({ siteName: 'main', userName: 'ada' })
    expect(await verifyPassword(hashes.at(-1) ?? '', PASSWORD)).toBe(true)
    await expect(redeem(ticket)).rejects.toEqual(notFound)
    const entry = office.audit().find(({ action }) => action === 'user.update')
    expect(entry).toMatchObject({ user_name: 'ada', door: 'rest', address: '192.0.2.7' })
    expect(JSON.stringify(entry)).not.toContain(ticket)
  })

  test('works until its 24th hour and not from then on', async () => {
    const [first, second] = [await make(), await make()]
    office.clock.advance(24 * 3_600_000 - 1)
    await redeem(first.ticket)
    office.clock.advance(1)
    await expect(redeem(second.ticket)).rejects.toEqual(notFound)
  })

  test('used twice at the same time works once', async () => {
    const { ticket } = await make()
    const results = await Promise.allSettled([redeem(ticket), redeem(ticket), redeem(ticket)])
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('is not used up by a password that is refused', async () => {
    const { ticket } = await make()
    await expect(redeem(ticket, 'short')).rejects.toMatchObject({ code: 'invalid' })
    expect((await redeem(ticket)).userName).toBe('ada')
  })

  test.each(['', 'x'.repeat(43), '../../etc/passwd', 'é'.repeat(43)])('%j is none', async (ticket) => {
    await expect(redeem(ticket)).rejects.toEqual(notFound)
  })
})

describe('a password', () => {
  test('is kept as Argon2id in PHC form, salted', async () => {
    const [one, two] = await Promise.all([hashPassword(PASSWORD), hashPassword(PASSWORD)])
    expect(one).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(one).not.toBe(two)
    expect(await verifyPassword(one, PASSWORD)).toBe(true)
    expect(await verifyPassword(one, `${PASSWORD}x`)).toBe(false)
    expect(await verifyPassword(one.replace('t=3', 't=2'), PASSWORD)).toBe(false)
  })

  test('is the same however its accents are encoded', async () => {
    expect(
      await verifyPassword(
        await hashPassword('caf\u00e9 caf\u00e9 caf\u00e9'),
        'cafe\u0301 cafe\u0301 cafe\u0301',
      ),
    ).toBe(true)
  })

  test('of 11 characters is refused, of 12 accepted, of 257 refused', () => {
    expect(() => checkPassword('😀'.repeat(11))).toThrow(Fault)
    expect(() => checkPassword('😀'.repeat(12))).not.toThrow()
    expect(() => checkPassword('x'.repeat(257))).toThrow(Fault)
  })

  test.each(['', '*', '$argon2id$v=19$m=1,t=1,p=1$short$short', '$2b$12$abc'])(
    '%j matches nothing',
    async (hash) => {
      expect(await verifyPassword(hash, PASSWORD)).toBe(false)
    },
  )

  test('a hash that Argon2 itself made elsewhere is understood', async () => {
    // From the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
    const hash = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
    expect(await verifyPassword(hash, 'password')).toBe(true)
  })
})
