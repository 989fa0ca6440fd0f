import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { authenticate } from '#credentials/authenticate.ts'
import type { Attempt } from '#credentials/gate.ts'
import type { Account, Person } from '#credentials/ports.ts'
import type { Proof } from '#credentials/proof.ts'
import { newKeyValue } from '#credentials/values.ts'
import {
  type AccountChanges,
  account,
  bench,
  chosen,
  KEY_ID,
  NOW,
  person,
  type Steps,
  VALUE,
} from './accounts.ts'

const CHOSEN = 'correct horse battery'
const PASSWORD = 'tr0ub4dor and three'
const WARM = account({ key: { id: 'warm0000', name: 'warm' }, pair: null })

/** One cause of refusal: what the records hold, and what is presented to them. */
type Cause = {
  readonly accounts?: readonly Account[]
  readonly people?: readonly Person[]
  readonly proof: (steps: Steps) => Proof
  readonly siteId?: string | null
}

/** What a refusal cost, each time; the owner's own logins before it fill the memory, or do not. */
async function costs(cause: Cause, more: Partial<Attempt>, warmUps: number): Promise<string[]> {
  const { deps, steps, cached } = bench([WARM, ...(cause.accounts ?? [])], cause.people)
  const taken: string[] = []
  for (let at = 0; at < warmUps; at++) {
    await Promise.all([
      ...(cause.accounts ?? []).flatMap(({ key, pair }) => [
        cached.store.accountByKeyId(key.id),
        cached.store.accountByAccessKeyId(pair?.accessKeyId ?? ''),
      ]),
      cached.store.soleSiteId(),
    ])
  }
  // The one thing that is kept of what sites there are; the same for every cause.
  await cached.store.soleSiteId()
  for (let at = 0; at < 3; at++) {
    Object.assign(steps, { hmac: 0, argon2: 0, lookUps: 0, signatures: 0 })
    const verdict = await authenticate(deps, {
      door: 'webdav',
      address: '192.0.2.1',
      client: '',
      ...more,
      siteId: cause.siteId ?? null,
      proof: cause.proof(steps),
    })
    expect(verdict.ok).toBe(false)
    taken.push(JSON.stringify(steps))
  }
  return taken
}

const REFUSED: readonly [string, AccountChanges, string | null][] = [
  ['disabled', { key: { enabled: false } }, null],
  ['expired', { key: { expiresAt: NOW } }, null],
  ['of a disabled user', { user: { enabled: false } }, null],
  ['of another site', {}, 's2'],
  ['stopped', { value: { stopsAt: NOW } }, null],
  ['without this door', { key: { scopes: 1 } }, null],
]

function refusedAccounts(proof: (steps: Steps) => Proof, own: AccountChanges = {}): [string, Cause][] {
  return REFUSED.map(([name, changes, siteId]) => {
    const accounts = [account({ ...own, ...changes, value: { ...own.value, ...changes.value } })]
    return [name, { accounts, proof, siteId }]
  })
}

const login = (name: string, password: string) => (): Proof => ({ kind: 'password', login: name, password })
const bearer = (value: string) => (): Proof => ({ kind: 'bearer', value })
const signed =
  (accessKeyId: string, secretOf: string) =>
  (steps: Steps): Proof => ({
    kind: 'sigv4',
    accessKeyId,
    matches({ text }) {
      steps.signatures += 1
      return text === secretOf
    },
  })

const held = { accounts: [account()] }
const heldChosen = { accounts: [account({ value: chosen(CHOSEN) })] }
const asAnn = login('ann', PASSWORD)
const refusedPeople: readonly [string, Cause][] = [
  ['disabled', { proof: asAnn, people: [person(PASSWORD, { user: { enabled: false } })] }],
  ['expired', { proof: asAnn, people: [person(PASSWORD, { user: { expiresAt: NOW } })] }],
  ['of another site', { proof: asAnn, people: [person(PASSWORD)], siteId: 's2' }],
  ['without a password', { proof: asAnn, people: [person(null)] }],
]
const twoSites = [person('other password 1', { site: { id: 's8' }, user: { id: 'u8', name: 'eve' } })]

const FORMS: readonly [string, Partial<Attempt>, readonly [string, Cause][]][] = [
  [
    'a generated value with a login',
    {},
    [
      ['wrong', { ...held, proof: login('@api-backup', newKeyValue(KEY_ID)) }],
      ['unknown', { proof: login('@api-backup', newKeyValue('nobody00')) }],
      ['of another login', { ...held, proof: login('@api-other', VALUE) }],
      ...refusedAccounts(login('@api-backup', VALUE)),
    ],
  ],
  [
    'a generated value alone',
    { door: 'rest' },
    [
      ['wrong', { ...held, proof: bearer(newKeyValue(KEY_ID)) }],
      ['unknown', { proof: bearer(newKeyValue('nobody00')) }],
      ...refusedAccounts(bearer(VALUE)),
    ],
  ],
  [
    'a chosen value with a login',
    {},
    [
      ['wrong', { ...heldChosen, proof: login('@api-backup', 'wrong horse battery') }],
      ['unknown', { proof: login('@api-backup', CHOSEN) }],
      ['of another login', { ...heldChosen, proof: login('@api-other', CHOSEN) }],
      ...refusedAccounts(login('@api-backup', CHOSEN), { value: chosen(CHOSEN) }),
    ],
  ],
  [
    'a chosen value alone',
    { door: 'rest' },
    [
      ['wrong', { ...heldChosen, proof: bearer('wrong horse battery') }],
      ['unknown', { proof: bearer(CHOSEN) }],
      ...refusedAccounts(bearer(CHOSEN), { value: chosen(CHOSEN) }),
    ],
  ],
  [
    'a signature',
    { door: 's3' },
    [
      ['wrong', { ...held, proof: signed('LKPAIR', 'wrong') }],
      ['unknown', { proof: signed('LKNONE', 'wrong') }],
      ...refusedAccounts(signed('LKPAIR', `secret of ${KEY_ID}`)).filter(([name]) => name !== 'stopped'),
    ],
  ],
  [
    'a user’s password',
    {},
    [
      ['wrong', { people: [person(PASSWORD)], proof: login('ann', 'something else 12') }],
      ['unknown', { people: [person(PASSWORD)], proof: login('bob', PASSWORD) }],
      ...refusedPeople,
    ],
  ],
  [
    'a user’s password where several sites have users',
    {},
    [
      ['wrong', { people: [person(PASSWORD), ...twoSites], proof: login('ann', 'something else 12') }],
      ['unknown', { people: twoSites, proof: login('bob', PASSWORD) }],
      [
        'of a name in both',
        {
          people: [person(PASSWORD), person(PASSWORD, { site: { id: 's8' }, user: { id: 'u9' } })],
          proof: login('ann', 'something else 12'),
        },
      ],
      ...refusedPeople
        .filter(([, { siteId }]) => siteId === undefined)
        .map(([name, cause]): [string, Cause] => [
          name,
          { ...cause, people: [...(cause.people ?? []), ...twoSites] },
        ]),
    ],
  ],
]

describe('R2: why it was refused cannot be told from the work that it took', () => {
  test.each(FORMS)('%s', async (_, more, causes) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3 }),
        fc.constantFrom(...causes),
        async (warmUps, [, cause]) => {
          const taken = new Set(await costs(cause, more, warmUps))
          const [first] = causes
          const reference = new Set(first === undefined ? [] : await costs(first[1], more, 0))
          expect(taken).toEqual(reference)
          expect(taken.size).toBe(1)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('each form of proof costs what it should', async () => {
    const cost = async (form: number) => {
      const [, more, causes] = FORMS[form] ?? ['', {}, []]
      const [first] = causes
      return first === undefined ? '' : (await costs(first[1], more, 0))[0]
    }
    expect(await Promise.all(FORMS.map((_, form) => cost(form)))).toEqual(
      [
        { hmac: 1, argon2: 0, lookUps: 1, signatures: 0 },
        { hmac: 1, argon2: 0, lookUps: 1, signatures: 0 },
        { hmac: 2, argon2: 1, lookUps: 3, signatures: 0 },
        { hmac: 2, argon2: 1, lookUps: 1, signatures: 0 },
        { hmac: 0, argon2: 0, lookUps: 1, signatures: 2 },
        { hmac: 1, argon2: 1, lookUps: 1, signatures: 0 },
        { hmac: 1, argon2: 3, lookUps: 1, signatures: 0 },
      ].map((steps) => JSON.stringify(steps)),
    )
  })
})
