import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Proof } from '#credentials/proof.ts'
import { createGuestKey } from '#identity/guest-key.ts'
import { moveUser } from '#identity/leave-site.ts'
import { updateSite } from '#identity/sites.ts'
import { addUser, setPassword } from '#identity/users.ts'
import { DOORS, type DoorName } from '#permissions/conditions.ts'
import { rightsOf } from '#permissions/grants.ts'
import { ROOT } from '#permissions/path.ts'
import { startWorld, type World, type WorldKey } from './world.ts'

/*
 * U2 to U5: what is issued on one site opens that site and no other, whichever door, whatever the address says.
 * Sites: `main`, its children `child` and `sibling`, `grandchild` below `child`, and `stranger` without a parent.
 */

const OPERATOR = { kind: 'command_line' } as const
const SITES = ['main', 'child', 'sibling', 'grandchild', 'stranger'] as const
type SiteName = (typeof SITES)[number]
const PARENTS: Partial<Record<SiteName, SiteName>> = { child: 'main', sibling: 'main', grandchild: 'child' }
const PASSWORD = 'a long password of a person'

type Credential = {
  readonly site: SiteName | null
  readonly proof: Proof
  readonly doors: readonly DoorName[]
}

let world: World
const siteIds = new Map<SiteName, string>()
/** What it is → what is presented; `site` null: opens nothing any more. */
const credentials = new Map<string, Credential>()

const LOGIN_DOORS = ['webdav', 'sftp', 'ftp'] as const

function siteId(name: SiteName): string {
  const id = siteIds.get(name)
  if (id === undefined) throw new Error(`no site ${name}`)
  return id
}

function password(login: string, value: string): Proof {
  return { kind: 'password', login, password: value }
}

function pairOf({ accessKeyId, secretAccessKey }: WorldKey): Proof {
  return { kind: 'sigv4', accessKeyId, matches: (secret) => secret.text === secretAccessKey }
}

/** Every form in which a key is presented, at the doors that know the form. */
function formsOf(key: WorldKey, site: SiteName | null, what: string): void {
  credentials.set(`${what} by id`, { site, proof: password(key.login, key.value), doors: LOGIN_DOORS })
  credentials.set(`${what} by name`, {
    site,
    proof: password(`@api-${key.name}`, key.value),
    doors: LOGIN_DOORS,
  })
  credentials.set(`${what} as name and password`, {
    site,
    proof: password(key.value, key.value),
    doors: ['webdav'],
  })
  credentials.set(`${what} in a header`, {
    site,
    proof: { kind: 'bearer', value: key.value },
    doors: ['rest'],
  })
  if (key.accessKeyId !== '') {
    credentials.set(`${what} as a pair`, { site, proof: pairOf(key), doors: ['s3'] })
  }
}

async function fillSite(name: SiteName): Promise<void> {
  // The same names everywhere: nothing but the value tells the sites apart.
  const common = { site: name, user: 'anna', role: 'member' } as const
  const grants = [{ path: '/', rights: rightsOf('list', 'read') }]
  formsOf(await world.issue({ ...common, name: 'backup', grants }), name, `user key of ${name}`)
  formsOf(
    await world.issue({ site: name, name: 'head', role: 'administrator', user: 'boss' }),
    name,
    `administrator key of ${name}`,
  )
  formsOf(await world.issue({ site: name, name: 'house', type: 'site' }), name, `site key of ${name}`)
  const person = { name: `person-${name}` }
  await addUser(world.identity, OPERATOR, siteId(name), { ...person, role: 'member' })
  await setPassword(world.identity, OPERATOR, siteId(name), person, PASSWORD)
  credentials.set(`person of ${name}`, {
    site: name,
    proof: password(`person-${name}`, PASSWORD),
    doors: ['sftp'],
  })
}

beforeAll(async () => {
  world = await startWorld()
  siteIds.set('main', world.site.id)
  for (const name of SITES) {
    const root = name === 'main' ? world.root : (await world.addSite(name)).root
    const site = await world.identity.store.siteByName(name)
    if (site !== null) siteIds.set(name, site.id)
    await mkdir(join(root, `only-${name}`))
    await writeFile(join(root, `only-${name}`, 'file'), name)
  }
  for (const [child, parent] of Object.entries(PARENTS)) {
    const id = siteIds.get(child as SiteName) ?? ''
    await updateSite(world.identity, OPERATOR, id, { parentId: siteId(parent) })
  }
  for (const name of SITES) await fillSite(name)
  formsOf(
    await world.issue({ site: 'main', name: 'leaver', user: 'leaver', role: 'member' }),
    null,
    'key of one who moved',
  )
  await moveUser(world.identity, OPERATOR, siteId('main'), { name: 'leaver' }, { siteId: siteId('child') })
}, 120_000)

afterAll(() => world[Symbol.asyncDispose]())

/** The site that a login leads to; null when it is refused. */
async function siteOf(proof: Proof, door: DoorName, hint: SiteName | null): Promise<string | null> {
  // Nobody is held back for what an earlier line of the matrix tried.
  world.clock.advance(600_000)
  const at = { door, address: '127.0.0.1', siteId: hint === null ? null : siteId(hint), client: '' } as const
  const result = await world.gate.login({ ...at, proof })
  if (!result.ok) return null
  using session = world.gate.open(result.principal, at)
  const { entries } = await session.files.list(ROOT).catch(() => ({ entries: [] }))
  const seen = entries.map(({ name }) => name).filter((name) => name.startsWith('only-'))
  const own = SITES.find((name) => siteId(name) === result.principal.siteId) ?? 'nowhere'
  for (const name of seen) expect(name).toBe(`only-${own}`)
  return own
}

describe.each([null, ...SITES])('at an address of site %s', (hint) => {
  test('U3, U5: each credential opens its own site or nothing', { timeout: 120_000 }, async () => {
    const wrong: string[] = []
    let tried = 0
    for (const [what, { site, proof, doors }] of credentials) {
      for (const door of doors) {
        const expected = hint === null || hint === site ? site : null
        const got = await siteOf(proof, door, hint)
        tried += 1
        if (got !== expected) wrong.push(`${what} at ${door}: ${got}, not ${expected}`)
      }
    }
    expect(wrong).toEqual([])
    expect(tried).toBeGreaterThan(100)
  })
})

test('a credential shown beside another one’s name or id opens nothing', async () => {
  const mine = await world.issue({ site: 'main', name: 'mine' })
  const theirs = await world.issue({ site: 'stranger', name: 'theirs' })
  for (const door of LOGIN_DOORS) {
    for (const hint of [null, ...SITES]) {
      expect(await siteOf(password(theirs.login, mine.value), door, hint)).toBeNull()
      expect(await siteOf(password('@api-theirs', mine.value), door, hint)).toBeNull()
    }
  }
})

test('D8: nobody with nothing in hand gets the guest key of the address’s site, and no other', async () => {
  await createGuestKey(world.identity, OPERATOR, siteId('stranger'), {})
  for (const door of DOORS.filter((name) => name !== 'sftp')) {
    for (const hint of [null, ...SITES]) {
      const expected = hint === 'stranger' ? 'stranger' : null
      expect(await siteOf({ kind: 'none' }, door, hint), `${door} at ${hint}`).toBe(expected)
    }
  }
})
