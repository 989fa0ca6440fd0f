import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createListingCache } from '#files/mounts/local/listing.ts'
import { createLocalMount } from '#files/mounts/local.ts'
import { mountSuite } from '#test/suites/mount.ts'

for (const durable of [false, true]) {
  mountSuite(durable ? 'local, durable' : 'local', async () => {
    const root = await mkdtemp(join(tmpdir(), 'latchkey-mount-'))
    const errors: unknown[] = []
    const make = () =>
      createLocalMount({
        id: 'm',
        root,
        durable,
        listings: createListingCache(),
        onError: (error) => errors.push(error),
      })
    const mount = make()
    return {
      mount,
      again: make,
      async leftovers() {
        await mount[Symbol.asyncDispose]()
        const staging = join(root, '.latchkey/staging')
        const left = await readdir(staging, { recursive: true }).catch(() => [])
        return [...left, ...errors.map(String)]
      },
      async [Symbol.asyncDispose]() {
        await rm(root, { recursive: true })
      },
    }
  })
}
