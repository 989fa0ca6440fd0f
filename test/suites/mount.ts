import { afterEach, beforeEach, describe, expect } from 'vitest'
import type { Mount } from '#files/mount.ts'
import { changing } from './mount/changing.ts'
import { listing } from './mount/listing.ts'
import { parts } from './mount/parts.ts'
import { publishing } from './mount/publishing.ts'
import type { MountUnderTest } from './mount/support.ts'
import { trash } from './mount/trash.ts'
import { trees } from './mount/trees.ts'

/** What each type of mount must do, whatever it keeps its bytes in. */
export function mountSuite(name: string, start: () => Promise<MountUnderTest>): void {
  describe(`mount: ${name}`, () => {
    let world: MountUnderTest
    let mount: Mount
    beforeEach(async () => {
      world = await start()
      mount = world.mount
    })
    afterEach(async () => {
      expect(await world.leftovers()).toEqual([])
      await world[Symbol.asyncDispose]()
    })

    publishing(() => mount)
    changing(() => mount)
    listing(() => mount)
    trees(() => mount)
    trash(() => mount)
    parts(
      () => mount,
      () => world,
    )
  })
}
