import { join } from 'node:path'
import Database from 'better-sqlite3'
import { digestValue, newKeyId, newKeyValue } from '#credentials/values.ts'
import { type Action, decide } from '#permissions/decide.ts'
import { rightsOf } from '#permissions/grants.ts'
import { parsePath, type VirtualPath } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import { ALL_SCOPES } from '#permissions/scopes.ts'
import { startWorld, type World } from '../../test/world.ts'
import { defineBench, type Subject } from '../bench.ts'

type Login = { readonly login: string; readonly value: string }

type CoreSubject = Subject & {
  readonly world: World
  /** Spread over all keys. */
  readonly logins: readonly Login[]
  readonly known: Login
}

const LOGINS = 20_000
const COLD_LOGINS = 1_600
const AT_ONCE = 16
const DECISIONS = 1_000_000
/** After this long a verified value is not remembered any more. */
const FORGOTTEN_MS = 61_000

/** `authenticate()` through the gate, as a door calls it, with few and with many keys; and `decide()`. */
export const coreBench = defineBench<CoreSubject>({
  door: 'core',
  async start({ size }) {
    return [
      await subject('latchkey 10 keys', 10),
      await subject('latchkey 10⁴ keys', size(10_000)),
      await subject('latchkey 10⁶ keys', size(1_000_000)),
    ]
  },
  workloads: [
    {
      name: 'authenticate, cold, 16 at once',
      unit: '1/s',
      run: ({ world, logins }, size) =>
        perSecond(size(COLD_LOGINS), async () => {
          for (let at = 0; at < size(COLD_LOGINS); at += AT_ONCE) {
            world.clock.advance(FORGOTTEN_MS)
            const some = Array.from({ length: AT_ONCE }, (_, one) => logins[(at + one) % logins.length])
            await Promise.all(some.map((one) => login(world, one)))
          }
        }),
    },
    {
      name: 'authenticate, known value',
      unit: '1/s',
      run: ({ world, known }, size) =>
        perSecond(size(LOGINS), async () => {
          for (let at = 0; at < size(LOGINS); at++) await login(world, known)
        }),
    },
    {
      name: 'decide, ten grants',
      unit: '1/s',
      without: ['latchkey 10⁴ keys', 'latchkey 10⁶ keys'],
      run: (_, size) =>
        perSecond(size(DECISIONS), async () => {
          for (let at = 0; at < size(DECISIONS); at++) decideOne(at)
        }),
    },
  ],
})

async function subject(name: string, keys: number): Promise<CoreSubject> {
  const world = await startWorld()
  const first = await world.issue({ pair: false })
  const all = multiply(world, first.id, keys)
  return {
    name,
    world,
    logins: sample(all, COLD_LOGINS),
    known: first,
    pids: [process.pid],
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

/** Copies a key's row under new ids with values of their own: issuing a million one by one takes an hour. */
function multiply(world: World, keyId: string, count: number): Login[] {
  const db = new Database(join(world.folder.path, 'latchkey.db'))
  const key = copier(db, 'keys', 'id', keyId)
  const value = copier(db, 'key_values', 'key_id', keyId)
  const made: Login[] = []
  db.transaction(() => {
    for (let at = 0; at < count; at++) {
      const id = newKeyId()
      const text = newKeyValue(id)
      key({ id, name: `copy-${at}` })
      value({ id: `value-${at}`, key_id: id, digest: digestValue(world.folder.pepper, text) })
      made.push({ login: `@api-${id}`, value: text })
    }
  })()
  db.close()
  return made
}

type Row = Record<string, string | number | Buffer | null>

function copier(
  db: Database.Database,
  tableName: string,
  column: string,
  id: string,
): (changes: Row) => void {
  const row = db.prepare<[string], Row>(`select * from ${tableName} where ${column} = ?`).get(id)
  if (row === undefined) throw new Error(`no row of ${id} in ${tableName}`)
  const names = Object.keys(row)
  const places = names.map((name) => `@${name}`).join(', ')
  const insert = db.prepare(`insert into ${tableName} (${names.join(', ')}) values (${places})`)
  return (changes) => insert.run({ ...row, ...changes })
}

function sample(all: readonly Login[], count: number): Login[] {
  const step = Math.max(1, Math.floor(all.length / count))
  return all.filter((_, at) => at % step === 0).slice(0, count)
}

async function login(world: World, one: Login | undefined): Promise<void> {
  if (one === undefined) throw new Error('no key')
  const proof = { kind: 'password', login: one.login, password: one.value } as const
  const at = { door: 'webdav', address: '127.0.0.1', siteId: null, client: 'bench' } as const
  const { ok } = await world.gate.login({ ...at, proof })
  if (!ok) throw new Error('refused')
}

const PRINCIPAL: Principal = {
  kind: 'user',
  siteId: 'site',
  siteName: 'main',
  user: { id: 'user', name: 'anna' },
  key: { id: 'key', name: 'backup' },
  role: 'member',
  scopes: ALL_SCOPES,
  grants: Array.from({ length: 10 }, (_, at) => ({
    path: parsePath(`/team/folder-${at}`),
    recursive: true,
    rights: rightsOf('list', 'read', 'write', 'delete'),
  })),
  basePath: parsePath('/team'),
  storages: null,
  conditions: [],
  expiresAt: null,
}
const PATHS: readonly VirtualPath[] = Array.from({ length: 10 }, (_, at) =>
  parsePath(`/team/folder-${at}/2026/11/report-${at}.pdf`),
)
const ACTIONS: readonly Action[] = ['list', 'read', 'write', 'delete']

function decideOne(at: number): void {
  const path = PATHS[at % PATHS.length]
  const action = ACTIONS[at % ACTIONS.length]
  if (path === undefined || action === undefined) throw new Error('no such case')
  const context = { door: 'webdav', address: '127.0.0.1', now: at, mount: 'mount' } as const
  if (!decide(PRINCIPAL, action, path, context).allow) throw new Error('denied')
}

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const from = performance.now()
  await work()
  return (count * 1_000) / (performance.now() - from)
}
