import { availableParallelism } from 'node:os'
import Value from 'typebox/value'
import { Composer, type CST, type Document, isNode, LineCounter, Parser } from 'yaml'
import { isAddressRange } from '#permissions/conditions.ts'
import { type ConfigFile, ConfigSchema, type ListenFile } from './config-schema.ts'

export type ListenConfig = {
  readonly address: string
  readonly port: number
  readonly site: string | null
  /** SFTP and FTP only. */
  readonly proxyProtocol: boolean
  /** HTTPS, or on FTP listeners AUTH TLS (true) and TLS from the first byte (implicit). Never of SFTP. */
  readonly tls: boolean | 'implicit'
}

/** The configuration with every default filled in. Times in milliseconds. */
export type Config = {
  readonly data: string
  /** Processes that serve; 1: this one. */
  readonly workers: number
  readonly logLevel: string
  readonly stopGrace: number
  readonly revocationGrace: number
  /** CIDR ranges. */
  readonly trustedProxies: readonly string[]
  /** Null: audit entries are kept for ever. */
  readonly auditRetention: number | null
  readonly auditReads: boolean
  /** The first is the default; others are chosen by host name. */
  readonly tls: readonly { readonly certificate: string; readonly key: string }[]
  readonly webdav: { readonly listen: readonly ListenConfig[] }
  readonly s3: {
    readonly listen: readonly ListenConfig[]
    readonly region: string
    readonly domains: readonly string[]
    readonly uploadDays: number
  }
  readonly sftp: {
    readonly listen: readonly ListenConfig[]
    readonly requireNativeCrypto: boolean
    readonly loginGrace: number
    /** How long uploads whose connection was lost are kept, and how many bytes of one key. */
    readonly keepLost: number
    readonly keepLostBytes: number
  }
  readonly ftp: {
    readonly listen: readonly ListenConfig[]
    readonly passivePorts: { readonly from: number; readonly to: number } | 'any'
    readonly externalAddress: string | null
    /** For clients of these networks (CIDR), the first that fits, instead of `externalAddress`. */
    readonly externalAddresses: readonly { readonly network: string; readonly address: string }[]
    readonly requireTls: boolean | null
    readonly requireSessionReuse: boolean
    /** `ca`: path of PEM certificates. */
    readonly clientCertificates: { readonly ca: string; readonly required: boolean } | null
    readonly active: boolean | null
    readonly loginGrace: number
    readonly idleTimeout: number
    readonly maxConnections: number
    readonly maxConnectionsPerAddress: number
  }
  readonly rest: {
    readonly listen: readonly ListenConfig[]
    readonly corsOrigins: readonly string[]
    /** Of one caller to the admin API; 0 counts nobody. */
    readonly requestsPerMinute: number
  }
  /** `idle` and `lifetime` of logins in browsers. */
  readonly console: { readonly enabled: boolean; readonly idle: number; readonly lifetime: number }
  /** Where clients far away reach the doors, where that is not where they listen. */
  readonly publicUrls: Readonly<Partial<Record<DoorSection, string>>>
  readonly metrics: { readonly listen: readonly Pick<ListenConfig, 'address' | 'port'>[] }
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

const MOST_SYNTAX_MISTAKES = 20

/** Reads YAML. `name` stands before each place. Throws ConfigError with every mistake found; of a text that is no YAML with the first. */
export function parseConfig(text: string, name: string): Config {
  const lines = new LineCounter()
  const at = (offset: number) => `${name}:${lines.linePos(offset).line}`
  const tokens = untilBroken(new Parser(lines.addNewLine).parse(text))
  const [document, second] = new Composer().compose(tokens, true, text.length)
  if (document === undefined) throw new Error('the library makes a document of any text')
  if (document.errors.length > 0) {
    throw new ConfigError(document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`))
  }
  if (second !== undefined) throw new ConfigError([`${at(second.range[0])}: a second document starts here`])
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

/** The tokens up to where too many are none of YAML: thousands may follow a stray bracket. */
function* untilBroken(tokens: Iterable<CST.Token>): Generator<CST.Token> {
  let errors = 0
  for (const token of tokens) {
    yield token
    if (token.type === 'error' && ++errors === MOST_SYNTAX_MISTAKES) return
  }
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

const MOST_WORKERS = 64

type Mistake = { readonly path: readonly string[]; readonly message: string }

function senseMistakes(file: ConfigFile): Mistake[] {
  const mistakes: Mistake[] = []
  const { workers = 1 } = file
  if (workers !== 'auto' && !(Number.isInteger(workers) && workers >= 1 && workers <= MOST_WORKERS)) {
    mistakes.push({ path: ['workers'], message: `must be auto or a number from 1 to ${MOST_WORKERS}` })
  }
  const range = file.ftp?.passive_ports
  if (range !== undefined) {
    const { from, to } = readRange(range)
    if (from < 1024 || to > 65_535 || from > to) {
      mistakes.push({ path: ['ftp', 'passive_ports'], message: 'must be LOW-HIGH within 1024-65535' })
    }
  }
  for (const [index, { network }] of (file.ftp?.external_addresses ?? []).entries()) {
    if (isAddressRange(network)) continue
    const path = ['ftp', 'external_addresses', String(index), 'network']
    mistakes.push({ path, message: 'must be an address or a CIDR range' })
  }
  return [...mistakes, ...tlsMistakes(file), ...proxyMistakes(file), ...clashes(file)]
}

function tlsMistakes(file: ConfigFile): Mistake[] {
  if ((file.tls ?? []).length > 0) return []
  const message = 'needs a certificate and its key in the list `tls`'
  const mistakes: Mistake[] = []
  for (const section of ['webdav', 's3', 'ftp', 'rest'] as const) {
    for (const [index, { tls = false }] of (file[section]?.listen ?? []).entries()) {
      if (tls !== false) mistakes.push({ path: [section, 'listen', String(index), 'tls'], message })
    }
  }
  if (file.ftp?.client_certificates) mistakes.push({ path: ['ftp', 'client_certificates'], message })
  return mistakes
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
  for (const section of ['webdav', 's3', 'sftp', 'ftp', 'rest', 'metrics'] as const) {
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
const PASSIVE_PORTS = { from: 2130, to: 2229 }

function listeners(given: readonly ListenFile[] | undefined, port: number, tls = false): ListenConfig[] {
  return (given ?? [{ port }]).map((one) => ({
    address: one.address ?? LOOPBACK,
    port: one.port,
    site: one.site ?? null,
    proxyProtocol: one.proxy_protocol ?? false,
    tls: one.tls ?? tls,
  }))
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const MIB = 1024 ** 2

function complete(file: ConfigFile): Config {
  const { ftp = {}, s3 = {}, sftp = {} } = file
  return {
    data: file.data ?? './data',
    workers: file.workers === 'auto' ? availableParallelism() : (file.workers ?? 1),
    logLevel: file.log_level ?? 'info',
    stopGrace: (file.stop_grace ?? 10) * 1000,
    revocationGrace: (file.revocation_grace ?? 30) * 1000,
    trustedProxies: file.trusted_proxies ?? [],
    auditRetention: file.audit_retention === undefined ? null : file.audit_retention * DAY_MS,
    auditReads: file.audit_reads ?? false,
    tls: file.tls ?? [],
    webdav: { listen: listeners(file.webdav?.listen, 8080) },
    s3: {
      listen: listeners(s3.listen, 9000),
      region: s3.region ?? 'local',
      domains: s3.domains ?? [],
      uploadDays: s3.upload_days ?? 7,
    },
    sftp: {
      listen: listeners(sftp.listen, 2022),
      requireNativeCrypto: sftp.require_native_crypto ?? false,
      loginGrace: (sftp.login_grace ?? 60) * 1000,
      keepLost: (sftp.keep_lost_uploads ?? 24) * HOUR_MS,
      keepLostBytes: (sftp.keep_lost_mib ?? 65_536) * MIB,
    },
    ftp: {
      listen: listeners(ftp.listen, 2121, (file.tls ?? []).length > 0),
      passivePorts: ftp.passive_ports === undefined ? PASSIVE_PORTS : readRange(ftp.passive_ports),
      externalAddress: ftp.external_address ?? null,
      externalAddresses: ftp.external_addresses ?? [],
      requireTls: ftp.require_tls ?? null,
      requireSessionReuse: ftp.require_session_reuse ?? false,
      clientCertificates: ftp.client_certificates
        ? { ca: ftp.client_certificates.ca, required: ftp.client_certificates.required ?? false }
        : null,
      active: ftp.active ?? null,
      loginGrace: (ftp.login_grace ?? 30) * 1000,
      idleTimeout: (ftp.idle_timeout ?? 300) * 1000,
      maxConnections: ftp.max_connections ?? 2000,
      maxConnectionsPerAddress: ftp.max_connections_per_address ?? 200,
    },
    rest: {
      listen: listeners(file.rest?.listen, 8090),
      corsOrigins: file.rest?.cors_origins ?? [],
      requestsPerMinute: file.rest?.requests_per_minute ?? 6_000,
    },
    console: {
      enabled: file.console?.enabled ?? true,
      idle: (file.console?.idle ?? 3_600) * 1000,
      lifetime: (file.console?.lifetime ?? 43_200) * 1000,
    },
    publicUrls: file.public_urls ?? {},
    metrics: { listen: listeners(file.metrics?.listen ?? [], 0) },
  }
}

/** The same with every listener on a free port, for tests and trials; a range of passive ports that was given is kept. */
export function withFreePorts(config: Config): Config {
  const free = <T extends { readonly listen: readonly ListenConfig[] }>(section: T): T => ({
    ...section,
    listen: section.listen.map((one) => ({ ...one, port: 0 })),
  })
  const { passivePorts } = config.ftp
  return {
    ...config,
    webdav: free(config.webdav),
    s3: free(config.s3),
    sftp: free(config.sftp),
    ftp: { ...free(config.ftp), passivePorts: passivePorts === PASSIVE_PORTS ? 'any' : passivePorts },
    rest: free(config.rest),
    metrics: { listen: config.metrics.listen.map(({ address }) => ({ address, port: 0 })) },
  }
}
