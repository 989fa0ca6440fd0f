import { describe, expect, it } from 'vitest'
import { hostName, readProof } from '#protocols/webdav/auth.ts'

const basic = (text: string | Buffer) => `Basic ${Buffer.from(text).toString('base64')}`

describe('readProof', () => {
  it.each([
    ['@api-me:KEY', '@api-me', 'KEY'],
    ['KEY:KEY', 'KEY', 'KEY'],
    ['@api-me:KEY:x', '@api-me', 'KEY:x'],
    ['@api-me:', '@api-me', ''],
    ['me:~?ä€', 'me', '~?ä€'],
  ])('%s (D1, D2)', (text, login, password) => {
    expect(readProof(basic(text))).toEqual({ kind: 'password', login, password })
  })

  it('takes Latin-1 from clients that know no UTF-8', () => {
    const header = basic(Buffer.from('me:pässword', 'latin1'))
    expect(readProof(header)).toEqual({ kind: 'password', login: 'me', password: 'pässword' })
  })

  it('no header is no proof, and something else is refused', () => {
    expect(readProof(undefined)).toEqual({ kind: 'none' })
    for (const header of ['Bearer x', 'Basic', 'Basic !!!', basic('nocolon'), '', 'Digest a="b"']) {
      expect(readProof(header)).toBeNull()
    }
  })

  it('hostName drops the port', () => {
    expect(hostName('Files.Example:8080')).toBe('files.example')
    expect(hostName('[::1]:8080')).toBe('::1')
    expect(hostName('127.0.0.1')).toBe('127.0.0.1')
  })
})
