import { type Static, Type } from 'typebox'
import { Fault } from '#faults'
import { administeredSite } from '#identity/actor.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { settingsJson, wholeSiteJson } from '#identity/json.ts'
import type { SettingsInput } from '#identity/settings.ts'
import { addSite, deleteSite, listSites, updateSite } from '#identity/sites.ts'
import { readLifetime } from '#identity/times.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { conditionsIn } from '../conditions.ts'
import { SECURITY } from '../openapi.ts'
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
import { REFUSALS } from '../schemas.ts'

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
    response: { 200: SiteListSchema, ...REFUSALS },
  }
  app.get('/api/v1/sites', { schema: list }, async (request) => {
    const { actor, siteId } = actorOf(request)
    await administeredSite(identity, actor, siteId)
    return { sites: (await listSites(identity, actor)).map(wholeSiteJson) }
  })
  app.get('/api/v1/sites/:id', { schema: { ...ONE, summary: 'One site' } }, async (request) => {
    const { actor } = actorOf(request)
    return wholeSiteJson(await administeredSite(identity, actor, request.params.id))
  })
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
  app.patch('/api/v1/sites/:id', { schema: update }, async (request) => {
    const { actor } = actorOf(request)
    const { parent_id, settings, conditions, ...rest } = request.body
    const changes = {
      ...rest,
      parentId: parent_id,
      settings: settings === undefined ? undefined : readSettings(settings),
      conditions: conditionsIn(conditions),
    }
    return wholeSiteJson(await updateSite(identity, actor, request.params.id, changes))
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
    await deleteSite(identity, actor, request.params.id, request.query.confirm)
    return reply.code(204).send(null)
  })
}

function addSettings(app: App, identity: IdentityDeps): void {
  const common = { ...COMMON, response: { 200: SettingsSchema, ...REFUSALS } }
  const get = { ...common, summary: 'What the site allows' }
  app.get('/api/v1/settings', { schema: get }, async (request) => {
    const { actor, siteId } = actorOf(request)
    return settingsJson((await administeredSite(identity, actor, siteId)).settings)
  })
  const update = { ...common, summary: 'Change what is named, leave the rest', body: SettingsChangesSchema }
  app.patch('/api/v1/settings', { schema: update }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const settings = readSettings(request.body)
    return settingsJson((await updateSite(identity, actor, siteId, { settings })).settings)
  })
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
