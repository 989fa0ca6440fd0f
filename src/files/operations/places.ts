import { Fault } from '#faults'
import { parentOf, ROOT, type VirtualPath } from '#permissions/path.ts'
import { type About, type Caller, siteOf } from '../caller.ts'
import type { Place } from '../ports.ts'
import { isReserved, type Route, type SiteTree } from '../site.ts'
import type { ChangeOptions, Entry } from '../types.ts'

/** A path of the site, and where it is kept; `route` is null where only mounts below make it a folder. */
export type Located = {
  readonly path: VirtualPath
  readonly site: SiteTree
  readonly route: Route | null
  readonly about: About
}

/** A path that can be changed. */
export type Target = Located & { readonly route: Route }

export async function locate(caller: Caller, path: VirtualPath): Promise<Located> {
  return locatedIn(await siteOf(caller), path)
}

/** `locate` for many paths at once. */
export async function locateAll(caller: Caller, paths: readonly VirtualPath[]): Promise<readonly Located[]> {
  const site = await siteOf(caller)
  return paths.map((path) => locatedIn(site, path))
}

function locatedIn(site: SiteTree, path: VirtualPath): Located {
  const route = site.route(path)
  return { path, site, route, about: { mount: route === null ? null : route.record.id } }
}

/** What is there in its mount; null when nothing is, or what no door may know of. */
export async function lookUp({ route }: Located): Promise<Entry | null> {
  if (route === null || isReserved(route.inside)) return null
  return route.mount.find(route.inside)
}

/** Fault forbidden where nothing can be changed. Call it after the decision: it tells about the place. */
export function changeable(located: Located): Target {
  const { route } = located
  if (route === null) throw new Fault('forbidden', 'nothing can be kept here')
  if (route.record.readOnly) throw new Fault('forbidden', 'the storage is read-only')
  if (isReserved(route.inside)) throw new Fault('forbidden', 'this name is reserved')
  return { ...located, route }
}

/** Fault forbidden for a mount point and for a folder that holds one. */
export function checkHoldsNoMount({ site, path, route }: Located): void {
  if (path === ROOT || route?.inside === ROOT || site.holdsMount(path)) {
    throw new Fault('forbidden', 'a mount is here')
  }
}

/** Fault no_parent unless the folder that is to hold `target` exists. */
export async function checkParent({ route }: Target): Promise<void> {
  if (!(await route.mount.isFolder(parentOf(route.inside))))
    throw new Fault('no_parent', 'the folder to put it in does not exist')
}

/** Fault precondition unless `there` is as the caller demands. */
export function checkConditions(there: Entry | null, { ifVersion, ifAbsent }: ChangeOptions): void {
  if (ifAbsent && there !== null) throw new Fault('precondition', 'something is there already')
  if (ifVersion !== undefined && there?.version !== ifVersion) {
    throw new Fault('precondition', 'it is not the expected version')
  }
}

/** Holds the paths while a change takes effect, so that what was checked is still so. */
export function holdPaths({ shared }: Caller, targets: readonly Target[]): Promise<Disposable> {
  return shared.mutex.hold(targets.map(({ route }) => `${route.record.id}:${route.inside}`))
}

/** A target as the records call it. */
export function placeOf({ route }: Target): Place {
  return { mountId: route.record.id, path: route.inside }
}

/** A new name has no properties: what is there was left by something that went without a door. */
export function dropStaleProperties(caller: Caller, target: Target): Promise<void> {
  return followUp(caller, () => caller.shared.properties.remove(placeOf(target)))
}

/** The change is done and stays: that its records could not follow is for the log. */
export async function followUp(caller: Caller, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    caller.shared.log.error({ err: error }, 'records could not follow a change of files')
  }
}
