import type { VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, permit, record } from '../caller.ts'
import { nothingThere, outside } from '../site.ts'
import type { ChangeOptions, Entry } from '../types.ts'
import { fingerprintOf } from '../version.ts'
import { checkLocks } from './lock-checks.ts'
import { changeable, checkConditions, followUp, holdPaths, locate, lookUp, placeOf } from './places.ts'
import { checkReplaceable } from './upload.ts'

export async function setModified(
  caller: Caller,
  path: VirtualPath,
  modified: number,
  options: ChangeOptions = {},
): Promise<Entry> {
  const located = await locate(caller, path)
  permit(caller, 'write', path, located.about)
  const target = changeable(located)
  const { mount, inside, record: at } = target.route
  using _held = await holdPaths(caller, [target])
  const there = await lookUp(target)
  if (there === null) throw nothingThere()
  if (there.kind === 'file') checkReplaceable(caller, target, there)
  checkConditions(there, { ...options, ifAbsent: false })
  await checkLocks(caller, { path, tokens: options.tokens })
  checkAlive(caller)
  const { before, entry } = await mount.setModified(inside, modified)
  if (entry.kind === 'file') await caller.own.add(at.id, entry)
  const now = fingerprintOf(entry)
  if (entry.kind === 'file' && now.ino === before.ino) {
    await followUp(caller, () => caller.shared.metadata.retime(placeOf(target), before, now))
  }
  record(caller, 'file.write', path)
  return outside(at.path, entry)
}
