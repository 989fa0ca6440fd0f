import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { holdProcessLock, leadProcessLock, shareProcessLock } from '#records/process-lock.ts'

let dir: string
let file: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latchkey-lock-'))
  file = join(dir, 'server.lock')
})
afterEach(() => rm(dir, { recursive: true, force: true }))

describe('the lock of a data folder', () => {
  test('one process holds or leads it, and only what is led is shared', async () => {
    {
      using _held = holdProcessLock(file)
      expect([holdProcessLock(file), await leadProcessLock(file), shareProcessLock(file)]).toEqual(NOBODY)
    }
    using _led = await leadProcessLock(file)
    using shared = shareProcessLock(file)
    using again = shareProcessLock(file)
    expect([shared, again]).not.toContain(null)
    expect([holdProcessLock(file), await leadProcessLock(file)]).toEqual([null, null])
  })

  test('workers that outlive their leader keep others out until they end', async () => {
    const led = await leadProcessLock(file)
    const shared = shareProcessLock(file)
    led?.[Symbol.dispose]()
    expect(holdProcessLock(file)).toBeNull()
    const next = leadProcessLock(file)
    shared?.[Symbol.dispose]()
    using lock = await next
    expect(lock).not.toBeNull()
  })
})

const NOBODY = [null, null, null]
