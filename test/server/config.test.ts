import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigError, parseConfig, withFreePorts } from '#server/config.ts'
import { PROJECT } from '../imports.ts'

function mistakes(text: string): readonly string[] {
  try {
    parseConfig(text, 'latchkey.yaml')
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes
    throw error
  }
}

describe('configuration', () => {
  test('the example file is complete and says the defaults', async () => {
    const example = await readFile(join(PROJECT, 'config/latchkey.example.yaml'), 'utf8')
    expect(parseConfig(example, 'example')).toEqual(parseConfig('', 'nothing'))
    const uncommented = example.replaceAll(
      /^( *)# (external_address|require_tls|client_certificates|active):/gm,
      '$1$2:',
    )
    const withTls = uncommented.replace('tls: []', 'tls: [{ certificate: a.crt, key: a.key }]')
    expect(parseConfig(withTls, 'example').ftp).toMatchObject({
      externalAddress: '203.0.113.7',
      requireTls: true,
      clientCertificates: { ca: '/etc/latchkey/clients.crt', required: true },
      active: false,
    })
  })

  test('workers are a number, or one for each core', () => {
    expect(parseConfig('workers: 3', 'some').workers).toBe(3)
    expect(parseConfig('workers: auto', 'some').workers).toBe(availableParallelism())
    for (const wrong of ['0', '65', '1.5', 'many', '[2]', 'null']) {
      expect(mistakes(`workers: ${wrong}`)).toEqual([
        'latchkey.yaml:1: workers: must be auto or a number from 1 to 64',
      ])
    }
  })

  test('every mistake is reported at once, with its place', () => {
    const text = `webdav:
  listen:
    - port: 99999
      colour: blue
sfpt: {}
log_level: loud
`
    expect(mistakes(text).toSorted()).toEqual([
      'latchkey.yaml:3: webdav.listen.0.port: must be <= 65535',
      'latchkey.yaml:4: webdav.listen.0.colour: there is no such option',
      'latchkey.yaml:5: sfpt: there is no such option',
      'latchkey.yaml:6: log_level: must be equal to one of the allowed values',
    ])
  })

  test.each([
    ['ftp: { passive_ports: 500-400 }', 'ftp.passive_ports: must be LOW-HIGH within 1024-65535'],
    ['tls: [{ certificate: a.pem }]', 'tls.0: must have required properties key'],
    [
      'webdav: { listen: [{ port: 8080, tls: true }] }',
      'webdav.listen.0.tls: needs a certificate and its key in the list `tls`',
    ],
    ['sftp: { listen: [{ port: 2022, tls: true }] }', 'sftp.listen.0.tls: there is no such option'],
    [
      'ftp: { listen: [{ port: 2121, tls: explicit }] }',
      'ftp.listen.0.tls: must be equal to one of the allowed values',
    ],
    [
      'ftp: { external_addresses: [{ network: 10.0.0.0/99, address: 10.0.0.5 }] }',
      'ftp.external_addresses.0.network: must be an address or a CIDR range',
    ],
    [
      'ftp: { client_certificates: { ca: a.crt } }',
      'ftp.client_certificates: needs a certificate and its key in the list `tls`',
    ],
    [
      's3: { listen: [{ port: 9000 }] }\nrest: { listen: [{ port: 9000 }] }',
      'rest.listen.0: 127.0.0.1 port 9000 is also that of s3.listen.0',
    ],
    ['audit_retention: 0', 'audit_retention: must be >= 1'],
    ['trusted_proxies: [10.0.0.0/33]', 'trusted_proxies.0: must be an address or a CIDR range'],
    ['trusted_proxies: [proxy.example.org]', 'trusted_proxies.0: must be an address or a CIDR range'],
    [
      'ftp: { listen: [{ port: 2121, proxy_protocol: true }] }',
      'ftp.listen.0.proxy_protocol: needs trusted_proxies: everybody would be turned away',
    ],
    [
      'webdav: { listen: [{ port: 8080, proxy_protocol: true }] }',
      'webdav.listen.0.proxy_protocol: there is no such option',
    ],
    ['- a list', 'the whole file: must be object'],
    ['a: [', ''],
  ])('%j is refused', (text, message) => {
    expect(mistakes(text).join('\n')).toContain(message)
    expect(mistakes(text)).toHaveLength(1)
  })

  test('of a file that is no YAML the first mistakes are told', () => {
    const told = mistakes(`workers: 2\n${']\n'.repeat(1_000)}`)
    expect(told).toHaveLength(20)
    expect(told[0]).toMatch(/^latchkey.yaml:2: /)
  })

  test('a second document is refused', () => {
    expect(mistakes('workers: 2\n---\nworkers: 3\n')).toEqual([
      'latchkey.yaml:2: a second document starts here',
    ])
  })

  test('R3: the audit is kept for ever unless days are said', () => {
    expect(parseConfig('', 'x').auditRetention).toBeNull()
    expect(parseConfig('audit_retention: 90', 'x').auditRetention).toBe(90 * 86_400_000)
  })

  test('free ports take every listener', () => {
    const config = withFreePorts(
      parseConfig('s3: { listen: [{ port: 9000, site: a }, { port: 9001 }] }', 'x'),
    )
    expect(config.s3.listen.map(({ port }) => port)).toEqual([0, 0])
    expect(config.s3.listen[0]?.site).toBe('a')
    expect(config.ftp.passivePorts).toBe('any')
    const given = withFreePorts(parseConfig('ftp: { passive_ports: 2130-2229 }', 'x'))
    expect(given.ftp.passivePorts).toEqual({ from: 2130, to: 2229 })
  })

  test('proxies are trusted by range, and SFTP and FTP listeners take their headers', () => {
    const { trustedProxies, sftp, ftp } = parseConfig(
      'trusted_proxies: [10.0.0.0/8, "2001:db8::1"]\nsftp: { listen: [{ port: 22, proxy_protocol: true }] }',
      'x',
    )
    expect(trustedProxies).toEqual(['10.0.0.0/8', '2001:db8::1'])
    expect(sftp.listen[0]?.proxyProtocol).toBe(true)
    expect(ftp.listen[0]?.proxyProtocol).toBe(false)
  })

  test('FTP offers TLS where there is a certificate, HTTP doors where a listener says so', () => {
    const { webdav, ftp, rest } = parseConfig(
      `tls: [{ certificate: a.crt, key: a.key }]
webdav: { listen: [{ port: 443, tls: true }, { port: 80 }] }
ftp: { listen: [{ port: 21 }, { port: 990, tls: implicit }, { port: 2121, tls: false }] }`,
      'x',
    )
    expect(webdav.listen.map(({ tls }) => tls)).toEqual([true, false])
    expect(ftp.listen.map(({ tls }) => tls)).toEqual([true, 'implicit', false])
    expect(rest.listen.map(({ tls }) => tls)).toEqual([false])
    expect(parseConfig('', 'x').ftp.listen.map(({ tls }) => tls)).toEqual([false])
  })

  test('a door without listeners is off', () => {
    expect(parseConfig('ftp: { listen: [] }', 'x').ftp.listen).toEqual([])
  })
})
