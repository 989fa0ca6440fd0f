import { describe, expect, test } from 'vitest'
import { ALL_SCOPES, FOREIGN_SCOPES, PRESETS, parseScope, scopeNames } from '#permissions/scopes.ts'

const names = (text: string) => {
  const scopes = parseScope(text)
  return scopes === undefined ? undefined : scopeNames(scopes)
}

describe('S3: presets by name', () => {
  test.each([
    ['none', []],
    ['read_only', ['files.list', 'files.read', 'folders.read', 'webdav.read', 'sftp', 'ftp', 's3', 'rest']],
    ['upload_only', ['files.write', 'webdav.manage', 'sftp', 'ftp', 's3', 'rest']],
    ['addon.read_downloads', ['files.list', 'files.read', 'rest']],
    ['addon.write_downloads', ['files.write', 'files.delete', 'rest']],
    ['addon.hard_delete_downloads', ['files.purge', 'rest']],
    ['addon.read_categories', ['folders.read', 'rest']],
    ['addon.write_categories', ['folders.write', 'rest']],
    ['addon.hard_delete_categories', ['folders.purge', 'rest']],
  ])('%s', (name, scopes) => {
    expect(names(name)).toEqual(scopes)
  })

  test('full is everything, files_only all but administering and top-level folders', () => {
    expect(PRESETS.get('full')).toBe(ALL_SCOPES)
    const missing = ALL_SCOPES & ~(PRESETS.get('files_only') ?? 0)
    expect(scopeNames(missing)).toEqual([
      ...['folders.write', 'folders.purge', 'text.share', 'text.manage', 'file.share', 'file.manage'],
      'admin',
    ])
  })
})

describe('S3: CloudPaste’s eleven bits, by name and as a number', () => {
  test.each([
    ['TEXT_SHARE', 1, ['text.share', 'rest']],
    ['TEXT_MANAGE', 2, ['text.manage', 'rest']],
    ['FILE_SHARE', 4, ['file.share', 'rest']],
    ['FILE_MANAGE', 8, ['file.manage', 'rest']],
    ['MOUNT_VIEW', 256, ['files.list', 'files.read', 'folders.read', 'rest']],
    ['MOUNT_UPLOAD', 512, ['files.write', 'rest']],
    ['MOUNT_COPY', 1024, ['files.copy', 'rest']],
    ['MOUNT_RENAME', 2048, ['files.rename', 'rest']],
    ['MOUNT_DELETE', 4096, ['files.delete', 'rest']],
    ['WEBDAV_READ', 65536, ['webdav.read']],
    ['WEBDAV_MANAGE', 131072, ['webdav.manage']],
  ])('%s is %i', (name, bit, scopes) => {
    expect(names(name)).toEqual(scopes)
    expect(names(String(bit))).toEqual(scopes)
  })

  test('a sum is the union; a number with another bit in it is none', () => {
    expect(names(String(256 + 65_536))).toEqual([
      ...(names('MOUNT_VIEW') ?? []).slice(0, 3),
      'webdav.read',
      'rest',
    ])
    expect(names('0')).toEqual([])
    for (const text of ['16', '257.0', '-1', '524288', '1e3', '0x100', ''])
      expect(names(text)).toBeUndefined()
  })

  test('none of them gives more than files and shares: only its owner’s role lets a key administer', () => {
    for (const [name, scopes] of FOREIGN_SCOPES) expect(scopeNames(scopes), name).not.toContain('admin')
  })
})
