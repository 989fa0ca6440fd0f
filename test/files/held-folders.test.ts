import {
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openReal } from '#files/mounts/local/folder.ts'
import { createHeldFolders } from '#files/mounts/local/held-folders.ts'
import { expectFault } from './setup.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'latchkey-held-'))
  mkdirSync(join(dir, 'a'))
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(dir, { recursive: true })
})

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}
const openOne = () => openSync(dir, 'r')
const use = async (path: string) => openReal(path)[Symbol.dispose]()

describe('a folder that was opened a moment ago', () => {
  test('is another one as soon as another is at its path', async () => {
    const path = join(dir, 'a')
    await use(path)
    renameSync(path, join(dir, 'b'))
    await expectFault(use(path), 'not_found')
    mkdirSync(path)
    mkdirSync(join(path, 'new'))
    {
      using folder = openReal(path)
      expect(readdirSync(folder.self)).toEqual(['new'])
    }
    rmSync(path, { recursive: true })
    symlinkSync(join(dir, 'b'), path)
    await expectFault(use(path), 'not_found')
  })

  test('stays open for whoever has it when it is dropped, and is closed once with the last', () => {
    const held = createHeldFolders()
    const fd = openOne()
    const first = held.keep('/x', fd)
    const second = held.take('/x')
    second?.drop()
    expect([held.take('/x'), isOpen(fd)]).toEqual([undefined, true])
    first.release()
    expect(isOpen(fd)).toBe(false)
  })

  test('is given to nobody after a second, and closed when nobody has it', () => {
    vi.useFakeTimers()
    const held = createHeldFolders()
    const idle = openOne()
    const busy = openOne()
    held.keep('/idle', idle).release()
    const use = held.keep('/busy', busy)
    vi.advanceTimersByTime(2_500)
    expect([held.take('/idle'), held.take('/busy')]).toEqual([undefined, undefined])
    expect([isOpen(idle), isOpen(busy)]).toEqual([false, true])
    use.release()
    expect(isOpen(busy)).toBe(false)
  })

  test('makes room when there are many', () => {
    const held = createHeldFolders()
    const fds = Array.from({ length: 70 }, openOne)
    for (const [i, fd] of fds.entries()) held.keep(`/${i}`, fd).release()
    expect(fds.filter(isOpen)).toEqual(fds.slice(6))
    for (const i of fds.keys()) held.take(`/${i}`)?.drop()
    expect(fds.filter(isOpen)).toEqual([])
  })
})
