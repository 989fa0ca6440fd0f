import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import type { Actor } from '#identity/actor.ts'
import { createKey } from '#identity/create-key.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { addGrant } from '#identity/grants.ts'
import { deleteKey } from '#identity/keys.ts'
import type { SiteDetails } from '#identity/ports.ts'
import { listSites } from '#identity/sites.ts'
import { addUser } from '#identity/users.ts'
import type { Addresses } from './client-lines.ts'
import { issuedKey } from './issued-key.ts'
import { writePrivateFile } from './private-file.ts'

const DEMO_FILE = 'demo.json'
const DEMO = 'demo'
const SITE_KEY = 'demo-site'
/** The folder tree of the user `demo`. */
export const DEMO_FOLDER = '/demo/'
const OPERATOR: Actor = { kind: 'command_line' }

const DemoKeysSchema = Type.Object({
  login: Type.String(),
  value: Type.String(),
  access_key_id: Type.String(),
  secret_access_key: Type.String(),
  site_key: Type.String(),
})

/** The secrets of `demo.json`. */
export type DemoKeys = Static<typeof DemoKeysSchema>

/** Makes the member `demo` with folder, grant, key and site key, or finds those of an earlier start. */
export async function prepareDemo(deps: IdentityDeps, dataDir: string): Promise<DemoKeys> {
  const [site] = await listSites(deps, OPERATOR)
  if (site === undefined) throw new Error('there is no site')
  const held = await readDemoFile(dataDir)
  if (held !== null && (await isAlive(deps, site, held))) return held
  await ensureUser(deps, site, dataDir)
  const key = await reissue(deps, site, { name: DEMO, type: 'user' })
  const siteKey = await reissue(deps, site, { name: SITE_KEY, type: 'site' })
  return {
    login: key.login,
    value: key.value,
    access_key_id: key.accessKeyId ?? '',
    secret_access_key: key.secretAccessKey ?? '',
    site_key: siteKey.value,
  }
}

/** Writes `demo.json`: where each door is, and the keys. Mode 0600. */
export async function writeDemoFile(
  dataDir: string,
  addresses: Addresses,
  region: string,
  keys: DemoKeys,
): Promise<void> {
  await writePrivateFile(dataDir, DEMO_FILE, JSON.stringify({ ...addresses, ...keys, region }, null, 2))
}

async function readDemoFile(dataDir: string): Promise<DemoKeys | null> {
  try {
    const content: unknown = JSON.parse(await readFile(join(dataDir, DEMO_FILE), 'utf8'))
    if (!Value.Check(DemoKeysSchema, content)) return null
    const { login, value, access_key_id, secret_access_key, site_key } = content
    return { login, value, access_key_id, secret_access_key, site_key }
  } catch {
    return null
  }
}

async function isAlive(deps: IdentityDeps, site: SiteDetails, keys: DemoKeys): Promise<boolean> {
  const [key, siteKey] = await Promise.all([
    deps.store.keyByName(site.id, DEMO),
    deps.store.keyByName(site.id, SITE_KEY),
  ])
  const now = deps.clock.now()
  const lives = [key, siteKey].every((one) => one !== null && (one.expiresAt === null || one.expiresAt > now))
  return lives && keys.login === `@api-${key?.id}`
}

async function ensureUser(deps: IdentityDeps, site: SiteDetails, dataDir: string): Promise<void> {
  await mkdir(join(dataDir, 'files', site.name, DEMO), { recursive: true })
  if ((await deps.store.userByName(site.id, DEMO)) !== null) return
  await addUser(deps, OPERATOR, site.id, { name: DEMO, role: 'member' })
  await addGrant(deps, OPERATOR, site.id, { user: { name: DEMO }, path: DEMO_FOLDER, rights: ['full'] })
}

async function reissue(
  deps: IdentityDeps,
  site: SiteDetails,
  { name, type }: { name: string; type: 'user' | 'site' },
) {
  const old = await deps.store.keyByName(site.id, name)
  if (old !== null) await deleteKey(deps, OPERATOR, site.id, old.id)
  const forUser = type === 'user' ? { user: { name: DEMO }, scopes: ['full'], pair: true } : {}
  return issuedKey(await createKey(deps, OPERATOR, site.id, { name, type, ...forUser }))
}
