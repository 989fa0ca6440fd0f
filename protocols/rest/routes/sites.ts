import { type Static, Type } from 'typebox'
import { Fault } from '#faults'
import { administeredSite } from '#identity/actor.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { settingsJson, wholeSiteJson } from '#identity/json.ts'
import type { KeyPlace, SiteDetails } from '#identity/ports.ts'
import type { SettingsInput } from '#identity/settings.ts'
import { addSite, deleteSite, listSites, updateSite } from '#identity/sites.ts'
import { readLifetime } from '#identity/times.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { conditionsIn } from '../conditions.ts'
import { SECURITY } from '../openapi.ts'
import { readPage } from '../paging.ts'
import {
  ConfirmSchema,
  IdSchema,
  NewSiteSchema,
  SettingsChangesSchema,
  SettingsSchema,
  SiteChangesSchema,
  SiteListSchema,
  SiteSchema,
} from '../people-schemas.ts'
import { PageSchema, REFUSALS } from '../schemas.ts'
import { changed, guarded, tagged } from '../versions.ts'

const COMMON = { tags: ['sites'], security: SECURITY }
const ONE = { ...COMMON, params: IdSchema, response: { 200: SiteSchema, ...REFUSALS } }

/** `/api/v1/sites` and `/api/v1/settings`: the own site, and those below it (REQUIREMENTS.md, U2 and U4). */
export function addSiteRoutes(app: App, identity: IdentityDeps): void {
  addReading(app, identity)
  addChanging(app, identity)
  addSettings(app, identity)
}

function addReading(app: App, identity: IdentityDeps): void {
  const list = {
    ...COMMON,
    summary: 'Your site; for administrators with their own login also the sites below it',
    querystring: PageSchema,
    response: { 200: SiteListSchema, ...REFUSALS },
  }
  app.get('/api/v1/sites', { schema: list }, async (request) => {
    const { actor, siteId } = actorOf(request)
    await administeredSite(identity, actor, siteId)
    const page = await readPage(request.query, async ({ after, limit }) => {
      const sites = await listSites(identity, actor)
      const isNext = (site: SiteDetails) => after === undefined || comparePlaces(site, after) > 0
      return sites.toSorted(comparePlaces).filter(isNext).slice(0, limit)
    })
    return { sites: page.items.map(wholeSiteJson), next_cursor: page.next }
  })
  app.get('/api/v1/sites/:id', { schema: { ...ONE, summary: 'One site' } }, async (request, reply) => {
    const { actor } = actorOf(request)
    const { id } = request.params
    const read = () => administeredSite(identity, actor, id)
    return wholeSiteJson(await tagged(identity, reply, refOf(id), read))
  })
}

function comparePlaces(a: KeyPlace, b: KeyPlace): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : Number(a.id > b.id))
}

function addChanging(app: App, identity: IdentityDeps): void {
  const create = {
    ...COMMON,
    summary: 'Make a child site with a folder of its own; for administrators with their own login',
    body: NewSiteSchema,
    response: { 201: SiteSchema, ...REFUSALS },
  }
  app.post('/api/v1/sites', { schema: create }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { name, hosts, parent_id } = request.body
    const { site } = await addSite(identity, actor, { name, hosts, parentId: parent_id ?? siteId })
    reply.code(201).header('Location', `/api/v1/sites/${site.id}`)
    return wholeSiteJson(site)
  })
  const update = {
    ...ONE,
    summary: 'Change what is named, leave the rest; name, state, hosts and parent only from above',
    body: SiteChangesSchema,
  }
  app.patch('/api/v1/sites/:id', { schema: update }, async (request, reply) => {
    const { actor } = actorOf(request)
    const { id } = request.params
    const deps = await guarded(identity, request, refOf(id))
    const { parent_id, settings, conditions, ...rest } = request.body
    const changes = {
      ...rest,
      parentId: parent_id,
      settings: settings === undefined ? undefined : readSettings(settings),
      conditions: conditionsIn(conditions),
    }
    const done = await updateSite(deps, actor, id, changes)
    const read = () => administeredSite(identity, actor, id)
    return wholeSiteJson(await changed(identity, reply, refOf(id), { read, done }))
  })
  const remove = {
    ...COMMON,
    summary: 'Delete a child site with its users, keys and grants; its files stay on disk',
    params: IdSchema,
    querystring: ConfirmSchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.delete('/api/v1/sites/:id', { schema: remove }, async (request, reply) => {
    const { actor } = actorOf(request)
    const { id } = request.params
    const deps = await guarded(identity, request, refOf(id))
    await deleteSite(deps, actor, id, request.query.confirm)
    return reply.code(204).send(null)
  })
}

function addSettings(app: App, identity: IdentityDeps): void {
  const common = { ...COMMON, response: { 200: SettingsSchema, ...REFUSALS } }
  const get = { ...common, summary: 'What the site allows' }
  app.get('/api/v1/settings', { schema: get }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const read = () => administeredSite(identity, actor, siteId)
    return settingsJson((await tagged(identity, reply, refOf(siteId), read)).settings)
  })
  const update = { ...common, summary: 'Change what is named, leave the rest', body: SettingsChangesSchema }
  app.patch('/api/v1/settings', { schema: update }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const settings = readSettings(request.body)
    const ref = refOf(siteId)
    const done = await updateSite(await guarded(identity, request, ref), actor, siteId, { settings })
    const read = () => administeredSite(identity, actor, siteId)
    return settingsJson((await changed(identity, reply, ref, { read, done })).settings)
  })
}

// Settings are a part of their site: one version counts the changes of both.
function refOf(id: string) {
  return { kind: 'site', siteId: id, id } as const
}

function readSettings(body: Static<typeof SettingsChangesSchema>): SettingsInput {
  return {
    defaultKeyLifetime: readTime('default_key_lifetime', body.default_key_lifetime),
    maxKeyLifetime: readTime('max_key_lifetime', body.max_key_lifetime),
    allowNeverExpire: body.allow_never_expire,
    newKeysStartDisabled: body.new_keys_start_disabled,
    usersMayCreateKeys: body.users_may_create_keys,
    allowChosenValues: body.allow_chosen_values,
    passwordLogin: body.password_login,
    sshKeyLogin: body.ssh_key_login,
    expiredKeyRetention: readTime('expired_key_retention', body.expired_key_retention),
  }
}

function readTime(field: string, text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined
  const lifetime = readLifetime(text)
  if (lifetime === undefined)
    throw new Fault('invalid', `${field} is a duration such as 12h or 30d, or never`)
  return lifetime
}
