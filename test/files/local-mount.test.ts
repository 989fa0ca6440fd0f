import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createListingCache } from '#files/mounts/local/listing.ts'
import { createLocalMount } from '#files/mounts/local.ts'
import { ROOT } from '#permissions/path.ts'
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

test('a change that the clock of the file system is too coarse to show is listed all the same', async () => {
  const root = await mkdtemp(join(tmpdir(), 'latchkey-mount-'))
  const onError = () => {}
  await using mount = createLocalMount({
    id: 'm',
    root,
    durable: false,
    listings: createListingCache(),
    onError,
  })
  for (let i = 0; i < 600; i++) await writeFile(join(root, `f${i}`), '')
  const now = Date.now() / 1000
  await utimes(root, now, now)
  expect((await mount.list(ROOT, {})).entries).toHaveLength(600)
  await writeFile(join(root, 'new'), '')
  await utimes(root, now, now)
  expect((await mount.list(ROOT, {})).entries).toHaveLength(601)
  await rm(root, { recursive: true })
})
