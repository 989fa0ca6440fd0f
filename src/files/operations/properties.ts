import { Fault } from '#faults'
import type { VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, may, permit, record } from '../caller.ts'
import { nothingThere, outside } from '../site.ts'
import type { ChangeOptions, DeadProperty, Entry, Properties, PropertyChange } from '../types.ts'
import { checkLocks } from './lock-checks.ts'
import {
  changeable,
  checkConditions,
  followUp,
  holdPaths,
  locate,
  locateAll,
  lookUp,
  placeOf,
  type Target,
} from './places.ts'
import { checkReplaceable } from './upload.ts'

const MOST_OF_A_PLACE = 200
const MOST_CHARACTERS = 32 * 1024

export function propertiesFor(caller: Caller): Properties {
  return {
    of: (entries) => propertiesOf(caller, entries),
    change: (path, change, options) => changeProperties(caller, path, change, options),
  }
}

async function propertiesOf(
  caller: Caller,
  entries: readonly Entry[],
): Promise<readonly (readonly DeadProperty[])[]> {
  const found: (readonly DeadProperty[])[] = new Array(entries.length).fill([])
  const byMount = new Map<string, { index: number; path: VirtualPath }[]>()
  const located = await locateAll(
    caller,
    entries.map(({ path }) => path),
  )
  for (const [index, { path, route, about }] of located.entries()) {
    if (route === null || !may(caller, 'stat', path, about)) continue
    const wanted = byMount.get(route.record.id) ?? []
    byMount.set(route.record.id, wanted)
    wanted.push({ index, path: route.inside })
  }
  for (const [mountId, wanted] of byMount) {
    const paths = wanted.map(({ path }) => path)
    const lists = await caller.shared.properties.find(mountId, paths)
    for (const [i, { index }] of wanted.entries()) found[index] = lists[i] ?? []
  }
  return found
}

async function changeProperties(
  caller: Caller,
  path: VirtualPath,
  change: PropertyChange,
  options: ChangeOptions = {},
): Promise<Entry> {
  const located = await locate(caller, path)
  permit(caller, 'write', path, located.about)
  const target = changeable(located)
  checkSizes(change)
  using _held = await holdPaths(caller, [target])
  const there = await lookUp(target)
  if (there === null) throw nothingThere()
  if (there.kind === 'file') checkReplaceable(caller, target, there)
  checkConditions(there, { ...options, ifAbsent: false })
  await checkLocks(caller, { path, tokens: options.tokens })
  checkAlive(caller)
  const { modified } = change
  const entry = modified === undefined ? there : await retime(caller, target, modified)
  try {
    await keep(caller, target, change)
  } catch (error) {
    if (entry !== there)
      await followUp(caller, async () => void (await retime(caller, target, there.modified)))
    throw error
  }
  record(caller, 'file.write', path)
  return outside(target.route.record.path, entry)
}

function checkSizes({ set }: PropertyChange): void {
  if (set.length > MOST_OF_A_PLACE) throw new Fault('quota', 'these are too many properties')
  if (set.some(({ xml }) => xml.length > MOST_CHARACTERS)) throw new Fault('quota', 'a property is too long')
}

async function keep({ shared }: Caller, target: Target, change: PropertyChange): Promise<void> {
  if (change.set.length === 0 && change.remove.length === 0) return
  await shared.properties.change(placeOf(target), change, MOST_OF_A_PLACE)
}

async function retime(caller: Caller, { route }: Target, modified: number): Promise<Entry> {
  const { entry } = await route.mount.setModified(route.inside, modified, true)
  if (entry.kind === 'file') await caller.own.add(route.record.id, entry)
  return entry
}
