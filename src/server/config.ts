import Value from 'typebox/value'
import { type Document, isNode, LineCounter, parseDocument } from 'yaml'
import { isAddressRange } from '#permissions/conditions.ts'
import { type ConfigFile, ConfigSchema, type ListenFile } from './config-schema.ts'

export type ListenConfig = {
  readonly address: string
  readonly port: number
  readonly site: string | null
  /** SFTP and FTP only. */
  readonly proxyProtocol: boolean
}

/** The configuration with every default filled in. Times in milliseconds. */
export type Config = {
  readonly data: string
  readonly logLevel: string
  readonly stopGrace: number
  readonly revocationGrace: number
  /** CIDR ranges. */
  readonly trustedProxies: readonly string[]
  /** Null: audit entries are kept for ever. */
  readonly auditRetention: number | null
  readonly auditReads: boolean
  readonly webdav: { readonly listen: readonly ListenConfig[] }
  readonly s3: {
    readonly listen: readonly ListenConfig[]
    readonly region: string
    readonly domains: readonly string[]
  }
  readonly sftp: {
    readonly listen: readonly ListenConfig[]
    readonly requireNativeCrypto: boolean
    readonly loginGrace: number
  }
  readonly ftp: {
    readonly listen: readonly ListenConfig[]
    readonly passivePorts: { readonly from: number; readonly to: number } | 'any'
    readonly externalAddress: string | null
    readonly requireTls: boolean | null
    readonly tls: { readonly keyFile: string; readonly certificateFile: string } | null
  }
  readonly rest: { readonly listen: readonly ListenConfig[] }
}

export type DoorSection = 'webdav' | 's3' | 'sftp' | 'ftp' | 'rest'

/** All mistakes of a configuration at once, each with its place. */
export class ConfigError extends Error {
  readonly mistakes: readonly string[]
  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'))
    this.name = 'ConfigError'
    this.mistakes = mistakes
  }
}

/** Reads YAML. `name` stands before each place. Throws ConfigError with every mistake found. */
export function parseConfig(text: string, name: string): Config {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number) => `${name}:${lines.linePos(offset).line}`
  if (document.errors.length > 0) {
    throw new ConfigError(document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`))
  }
  const value: unknown = document.toJS() ?? {}
  if (!Value.Check(ConfigSchema, value)) {
    throw new ConfigError(shapeMistakes(value, (path) => at(offsetOf(document, path))))
  }
  const mistakes = senseMistakes(value).map(
    ({ path, message }) => `${at(offsetOf(document, path))}: ${path.join('.')}: ${message}`,
  )
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  return complete(value)
}

function offsetOf(document: Document, path: readonly string[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

function shapeMistakes(value: unknown, at: (path: readonly string[]) => string): string[] {
  const mistakes: string[] = []
  for (const error of Value.Errors(ConfigSchema, value)) {
    // Each unknown name is reported by itself; the object that holds it need not be named too.
    if (error.keyword === 'additionalProperties') continue
    const path = error.instancePath.split('/').slice(1)
    const message = error.keyword === 'boolean' ? 'there is no such option' : error.message
    mistakes.push(`${at(path)}: ${path.join('.') || 'the whole file'}: ${message}`)
  }
  return mistakes
}

type Mistake = { readonly path: readonly string[]; readonly message: string }

function senseMistakes(file: ConfigFile): Mistake[] {
  const mistakes: Mistake[] = []
  const range = file.ftp?.passive_ports
  if (range !== undefined) {
    const { from, to } = readRange(range)
    if (from < 1024 || to > 65_535 || from > to) {
      mistakes.push({ path: ['ftp', 'passive_ports'], message: 'must be LOW-HIGH within 1024-65535' })
    }
  }
  if ((file.ftp?.tls_key === undefined) !== (file.ftp?.tls_certificate === undefined)) {
    mistakes.push({ path: ['ftp'], message: 'tls_key and tls_certificate go together' })
  }
  return [...mistakes, ...proxyMistakes(file), ...clashes(file)]
}

function proxyMistakes(file: ConfigFile): Mistake[] {
  const proxies = file.trusted_proxies ?? []
  const mistakes: Mistake[] = []
  for (const [index, range] of proxies.entries()) {
    if (isAddressRange(range)) continue
    mistakes.push({ path: ['trusted_proxies', String(index)], message: 'must be an address or a CIDR range' })
  }
  for (const section of ['sftp', 'ftp'] as const) {
    for (const [index, listen] of (file[section]?.listen ?? []).entries()) {
      if (listen.proxy_protocol !== true || proxies.length > 0) continue
      const path = [section, 'listen', String(index), 'proxy_protocol']
      mistakes.push({ path, message: 'needs trusted_proxies: everybody would be turned away' })
    }
  }
  return mistakes
}

function clashes(file: ConfigFile): Mistake[] {
  const mistakes: Mistake[] = []
  const seen = new Map<string, string>()
  for (const section of ['webdav', 's3', 'sftp', 'ftp', 'rest'] as const) {
    for (const [index, { address = LOOPBACK, port }] of (file[section]?.listen ?? []).entries()) {
      const place = `${address} port ${port}`
      const other = seen.get(place)
      if (port !== 0 && other !== undefined) {
        mistakes.push({
          path: [section, 'listen', String(index)],
          message: `${place} is also that of ${other}`,
        })
      }
      seen.set(place, `${section}.listen.${index}`)
    }
  }
  return mistakes
}

function readRange(text: string): { from: number; to: number } {
  const [from = 0, to = 0] = text.split('-').map(Number)
  return { from, to }
}

const LOOPBACK = '127.0.0.1'

function listeners(given: readonly ListenFile[] | undefined, port: number): ListenConfig[] {
  return (given ?? [{ port }]).map((one) => ({
    address: one.address ?? LOOPBACK,
    port: one.port,
    site: one.site ?? null,
    proxyProtocol: one.proxy_protocol ?? false,
  }))
}

const DAY_MS = 86_400_000

function complete(file: ConfigFile): Config {
  const { ftp = {}, s3 = {}, sftp = {} } = file
  return {
    data: file.data ?? './data',
    logLevel: file.log_level ?? 'info',
    stopGrace: (file.stop_grace ?? 10) * 1000,
    revocationGrace: (file.revocation_grace ?? 30) * 1000,
    trustedProxies: file.trusted_proxies ?? [],
    auditRetention: file.audit_retention === undefined ? null : file.audit_retention * DAY_MS,
    auditReads: file.audit_reads ?? false,
    webdav: { listen: listeners(file.webdav?.listen, 8080) },
    s3: { listen: listeners(s3.listen, 9000), region: s3.region ?? 'local', domains: s3.domains ?? [] },
    sftp: {
      listen: listeners(sftp.listen, 2022),
      requireNativeCrypto: sftp.require_native_crypto ?? false,
      loginGrace: (sftp.login_grace ?? 60) * 1000,
    },
    ftp: {
      listen: listeners(ftp.listen, 2121),
      passivePorts: readRange(ftp.passive_ports ?? '2130-2229'),
      externalAddress: ftp.external_address ?? null,
      requireTls: ftp.require_tls ?? null,
      tls:
        ftp.tls_key !== undefined && ftp.tls_certificate !== undefined
          ? { keyFile: ftp.tls_key, certificateFile: ftp.tls_certificate }
          : null,
    },
    rest: { listen: listeners(file.rest?.listen, 8090) },
  }
}

/** The same with every listener on a free port, for tests and trials. */
export function withFreePorts(config: Config): Config {
  const free = <T extends { readonly listen: readonly ListenConfig[] }>(section: T): T => ({
    ...section,
    listen: section.listen.map((one) => ({ ...one, port: 0 })),
  })
  return {
    ...config,
    webdav: free(config.webdav),
    s3: free(config.s3),
    sftp: free(config.sftp),
    ftp: { ...free(config.ftp), passivePorts: 'any' },
    rest: free(config.rest),
  }
}
