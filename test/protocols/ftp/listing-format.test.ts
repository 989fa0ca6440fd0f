import { describe, expect, test } from 'vitest'
import type { Entry, EntryRights } from '#files/types.ts'
import { parsePath } from '#permissions/path.ts'
import { FACTS, factLine, listLine, parseTimeVal, timeVal } from '#protocols/ftp/listing-format.ts'

const NOW = Date.UTC(2025, 5, 15, 12, 0, 0)

function entry(name: string, more: Partial<Entry> = {}): Entry {
  const modified = Date.UTC(2025, 5, 1, 9, 5, 7) + 999
  const path = parsePath(`/${name}`)
  return { path, name, kind: 'file', size: 42, modified, created: modified, version: 'v1', ...more }
}

describe('LIST lines', () => {
  test('a file of the last half year shows its time, in UTC', () => {
    expect(listLine(entry('a b.txt'), NOW)).toBe(
      '-rw-r--r-- 1 latchkey latchkey           42 Jun  1 09:05 a b.txt',
    )
  })

  test('an older file and one from the future show their year', () => {
    const old = listLine(entry('old', { modified: Date.UTC(2024, 11, 31) }), Date.UTC(2025, 11, 1))
    const future = listLine(entry('new', { modified: Date.UTC(2030, 0, 2) }), NOW)
    expect(old).toContain(' Dec 31  2024 old')
    expect(future).toContain(' Jan  2  2030 new')
  })

  test('a folder is a d, and a leading space stays in the name', () => {
    const line = listLine(entry(' lead', { kind: 'folder', size: 0 }), NOW)
    expect(line).toMatch(/^drwxr-xr-x .* 09:05 {2}lead$/)
  })

  test('a name with a line end stays on its line', () => {
    expect(listLine(entry('a\r\n226 Done'), NOW)).toMatch(/ a\?\?226 Done$/)
  })
})

const NO_RIGHTS: EntryRights = {
  list: false,
  read: false,
  write: false,
  remove: false,
  rename: false,
  addFiles: false,
  addFolders: false,
  removeFiles: false,
}

describe('facts', () => {
  test('perm tells what may be done (RFC 3659 §7.5.5); a folder that is seen may be entered', () => {
    const perm = (kind: Entry['kind'], rights: Partial<EntryRights>) =>
      factLine(entry('x', { kind }), new Set(['perm']), 'x', { ...NO_RIGHTS, ...rights })
    expect(perm('file', {})).toBe('perm=; x')
    expect(perm('file', { read: true, write: true })).toBe('perm=arw; x')
    expect(perm('file', { read: true, write: true, remove: true, rename: true })).toBe('perm=adfrw; x')
    expect(perm('folder', { list: true })).toBe('perm=el; x')
    expect(perm('folder', { addFiles: true, addFolders: true, removeFiles: true })).toBe('perm=cemp; x')
  })

  test('a file has type, size, modify, perm and unique', () => {
    expect(factLine(entry('x y'), new Set(FACTS), 'x y', { ...NO_RIGHTS, read: true })).toBe(
      'type=file;size=42;modify=20250601090507;perm=r;unique=v1; x y',
    )
  })

  test('only chosen facts are told, in the order of the server', () => {
    expect(factLine(entry('d', { kind: 'folder' }), new Set(['modify', 'type']), 'd', undefined)).toBe(
      'type=dir;modify=20250601090507; d',
    )
  })
})

describe('time values', () => {
  test('they read back as they were written, to the second', () => {
    for (const time of [0, NOW, Date.UTC(1969, 11, 31, 23, 59, 59), Date.UTC(9999, 11, 31)]) {
      expect(parseTimeVal(timeVal(time))).toBe(time)
    }
  })

  test('fractions are read', () => {
    expect(parseTimeVal('20250615120000.25')).toBe(NOW + 250)
  })

  test('what is no date is refused', () => {
    for (const text of ['', '2025', '20250231000000', '20251301000000', '20250101250000', '2025010100000a']) {
      expect(parseTimeVal(text), text).toBeNull()
    }
  })

  test('times outside of four-digit years do not throw', () => {
    expect(timeVal(8.64e15)).toBe('99991231235959')
    expect(timeVal(-8.64e15)).toMatch(/^\d{14}$/)
  })
})
