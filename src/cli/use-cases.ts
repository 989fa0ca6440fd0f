import { Fault } from '#faults'
import type { Actor } from '#identity/actor.ts'
import { wouldAllow as askLocally } from '#identity/allowed.ts'
import * as audit from '#identity/audit.ts'
import * as creation from '#identity/create-key.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import * as grants from '#identity/grants.ts'
import * as groups from '#identity/groups.ts'
import * as guest from '#identity/guest-key.ts'
import * as keys from '#identity/keys.ts'
import * as leaving from '#identity/leave-site.ts'
import * as sessions from '#identity/live-sessions.ts'
import * as mounts from '#identity/mounts.ts'
import * as rotation from '#identity/rotate-key.ts'
import * as sites from '#identity/sites.ts'
import * as sshKeys from '#identity/ssh-keys.ts'
import * as tickets from '#identity/tickets.ts'
import * as users from '#identity/users.ts'
import type { Connection } from './remote/connection.ts'
import * as journals from './remote/journals.ts'
import * as remoteKeys from './remote/keys.ts'
import { connectionOf } from './remote/open.ts'
import * as people from './remote/people.ts'
import * as remoteSites from './remote/sites.ts'
import * as remoteSshKeys from './remote/ssh-keys.ts'

/* The use cases as commands call them: on the data folder of this machine, or on a server with `--url`. */

type UseCase<Rest extends readonly unknown[], Result> = (
  deps: IdentityDeps,
  actor: Actor,
  ...rest: Rest
) => Promise<Result>

function either<Rest extends readonly unknown[], Result>(
  local: UseCase<Rest, Result>,
  remote: (api: Connection, ...rest: Rest) => Promise<Result>,
): UseCase<Rest, Result> {
  return (deps, actor, ...rest) => {
    const api = connectionOf(deps)
    return api === undefined ? local(deps, actor, ...rest) : remote(api, ...rest)
  }
}

/** What of a change the command line has no use for stays out of its result. */
type Id = { readonly id: string }

export const listSites = either(sites.listSites, remoteSites.listSites)
export const addSite = either<[sites.SiteInput], Pick<Awaited<ReturnType<typeof sites.addSite>>, 'site'>>(
  sites.addSite,
  remoteSites.addSite,
)
export const updateSite = either(sites.updateSite, remoteSites.updateSite)
export const deleteSite = either<[string, string], Id>(sites.deleteSite, remoteSites.deleteSite)

export const listMounts = either(mounts.listMounts, remoteSites.listMounts)
export const addMount = either(mounts.addMount, remoteSites.addMount)
export const changeMount = either(mounts.changeMount, remoteSites.changeMount)
export const removeMount = either(mounts.removeMount, remoteSites.removeMount)

type Who = [siteId: string, ref: users.UserRef]
type Forced = users.UserChanges & users.Force

export const addUser = either(users.addUser, people.addUser)
export const listUsers = either<[string], Awaited<ReturnType<typeof users.listUsers>>>(
  users.listUsers,
  people.listUsers,
)
export const getUser = either(users.getUser, people.findUser)
export const updateUser = either<[...Who, Forced], Awaited<ReturnType<typeof users.updateUser>>>(
  users.updateUser,
  async (api, siteId, ref, changes) => people.updateUser(api, siteId, ref, unforced(changes)),
)
export const disableUser = either<[...Who, users.Force], Awaited<ReturnType<typeof users.disableUser>>>(
  users.disableUser,
  async (api, siteId, ref, force) =>
    people.updateUser(api, siteId, ref, { ...unforced(force), enabled: false }),
)
export const enableUser = either(users.enableUser, (api, siteId, ref) =>
  people.updateUser(api, siteId, ref, { enabled: true }),
)
export const setPassword = either(users.setPassword, people.setPassword)
export const deleteUser = either<[...Who, users.Force], Id>(
  leaving.deleteUser,
  async (api, siteId, ref, force) => {
    unforced(force)
    return people.deleteUser(api, siteId, ref)
  },
)
export const moveUser = either<
  [...Who, Parameters<typeof leaving.moveUser>[4]],
  Pick<Awaited<ReturnType<typeof leaving.moveUser>>, 'user'>
>(leaving.moveUser, async (api, siteId, ref, to) => people.moveUser(api, siteId, ref, unforced(to)))
export const createTicket = either(tickets.createTicket, people.createTicket)

export const addSshKey = either(sshKeys.addSshKey, remoteSshKeys.addSshKey)
export const listSshKeys = either<Who, Awaited<ReturnType<typeof sshKeys.listSshKeys>>>(
  sshKeys.listSshKeys,
  remoteSshKeys.listSshKeys,
)
export const removeSshKey = either(sshKeys.removeSshKey, remoteSshKeys.removeSshKey)

export const addGroup = either(groups.addGroup, people.addGroup)
export const listGroups = either<[string], Awaited<ReturnType<typeof groups.listGroups>>>(
  groups.listGroups,
  people.listGroups,
)
export const deleteGroup = either(groups.deleteGroup, people.deleteGroup)
export const listMembers = either<[string, groups.GroupRef], Awaited<ReturnType<typeof groups.listMembers>>>(
  groups.listMembers,
  people.listMembers,
)
export const joinGroup = either(groups.joinGroup, people.membership('PUT'))
export const leaveGroup = either(groups.leaveGroup, people.membership('DELETE'))

export const addGrant = either(grants.addGrant, people.addGrant)
export const listGrants = either(grants.listGrants, people.listGrants)
export const removeGrant = either<[string, string], unknown>(grants.removeGrant, people.removeGrant)

export const createKey = either(creation.createKey, remoteKeys.createKey)
export const createGuestKey = either(guest.createGuestKey, remoteKeys.createGuestKey)
export const listKeys = either(keys.listKeys, remoteKeys.listKeys)
export const findKey = either(keys.findKey, remoteKeys.findKey)
export const updateKey = either(keys.updateKey, remoteKeys.updateKey)
export const disableKey = either(keys.disableKey, (api, siteId, id) =>
  remoteKeys.updateKey(api, siteId, id, { enabled: false }),
)
export const enableKey = either(keys.enableKey, (api, siteId, id) =>
  remoteKeys.updateKey(api, siteId, id, { enabled: true }),
)
export const deleteKey = either(keys.deleteKey, remoteKeys.deleteKey)
export const rotateKey = either(rotation.rotateKey, remoteKeys.rotateKey)
export const wouldAllow = either<
  Parameters<typeof remoteKeys.wouldAllow> extends [unknown, ...infer Rest] ? Rest : never,
  { readonly allow: boolean; readonly reason: string | null }
>(askLocally, remoteKeys.wouldAllow)

export const listLiveSessions = either(sessions.listLiveSessions, journals.listLiveSessions)
export const endLiveSession = either<[string, string], Id>(sessions.endLiveSession, journals.endLiveSession)
export const listAudit = either<
  Parameters<typeof journals.listAudit> extends [unknown, ...infer Rest] ? Rest : never,
  readonly audit.ShownEntry[]
>(audit.listAudit, journals.listAudit)
/** Lines of an export, in pieces. */
export const auditLines = either<[string | null, audit.AuditQuestion], AsyncIterable<string>>(
  async (...all) => linesOf(await audit.exportAudit(...all)),
  async (api, siteId, question) => journals.auditLines(api, siteId, question),
)

async function* linesOf(pages: Awaited<ReturnType<typeof audit.exportAudit>>): AsyncGenerator<string> {
  for await (const page of pages) yield page.map(audit.auditLine).join('')
}

// A server keeps its last administrator whoever asks.
function unforced<T extends users.Force>({ force, ...rest }: T): Omit<T, 'force'> {
  if (force) throw new Fault('invalid', '--force is for the server’s own machine only')
  return rest
}
