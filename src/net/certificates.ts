import { readFile, stat } from 'node:fs/promises'
import type { SecureContext, SecureContextOptions } from 'node:tls'
import { CertificateError, type CertificatePair, readPair, TLS_SETTINGS } from './certificate-pair.ts'

/** Where a certificate (with its chain) and its key are: paths of PEM files. */
export type CertificateFiles = { readonly certificate: string; readonly key: string }

/** The shape of pino; see DoorLog. */
export type CertificateLog = {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type CertificatesOptions = {
  readonly log: CertificateLog
  /** How often the files are looked at, in milliseconds; default 5,000. 0: only when `reload` is called. */
  readonly pollMs?: number | undefined
  /** Milliseconds since the epoch; default the system's clock. */
  readonly now?: (() => number) | undefined
}

/** The certificates of this server. What connections use changes when the files do; open ones keep theirs. */
export type Certificates = Disposable & {
  /** The pair for a host name, wildcards included; null when none is for it. */
  pairNamed(servername: string): CertificatePair | null
  /** The same; the first pair when none fits or no name is said. */
  pairFor(servername: string | undefined): CertificatePair
  secureContextFor(servername: string | undefined): SecureContext
  /** For `tls.createServer`, `https.createServer` and `new TLSSocket`. */
  SNICallback(servername: string, done: (error: Error | null, context?: SecureContext) => void): void
  /** For `tls.createServer` and `https.createServer`; after a reload, for the server's `setSecureContext`. */
  serverOptions(): SecureContextOptions & Pick<Certificates, 'SNICallback'>
  /** Called after other certificates came into use; the answer ends that. */
  onReload(listener: () => void): () => void
  /** Reads all files again now. Never rejects: what cannot be used is logged, and the old pair goes on. */
  reload(): Promise<void>
}

/** One configured pair: what is in use, and what its files looked like when they were last read. */
type Slot = {
  readonly files: CertificateFiles
  pair: CertificatePair
  fingerprint: string
  /** What the files looked like when they could not be used. */
  failed: { readonly fingerprint: string; logged: boolean } | null
}

const POLL_MS = 5_000
const SOON_MS = 14 * 86_400_000

/** Loads every pair; the first is the default. Rejects with CertificateError, which names the file. */
export async function loadCertificates(
  files: readonly [CertificateFiles, ...CertificateFiles[]],
  options: CertificatesOptions,
): Promise<Certificates> {
  const slots = await Promise.all(files.map(loadSlot))
  for (const slot of slots) warnOfExpiry(slot, options)
  const listeners = new Set<() => void>()
  let names = indexOf(slots)
  let running: Promise<void> = Promise.resolve()
  const look = (how: 'poll' | 'ask') => {
    running = running.then(async () => {
      const changes = await Promise.all(slots.map((slot) => refresh(slot, how, options)))
      if (!changes.includes(true)) return
      names = indexOf(slots)
      for (const listener of listeners) listener()
    })
    running = running.catch((error) =>
      options.log.error({ err: error }, 'tls: a listener kept its certificate'),
    )
    return running
  }
  const pollMs = options.pollMs ?? POLL_MS
  const timer = pollMs > 0 ? setInterval(() => void look('poll'), pollMs).unref() : undefined

  const pairFor = (servername: string | undefined) => find(names, servername) ?? firstOf(slots)
  const SNICallback: Certificates['SNICallback'] = (servername, done) =>
    done(null, pairFor(servername).context)
  return {
    pairNamed: (servername) => find(names, servername) ?? null,
    pairFor,
    secureContextFor: (servername) => pairFor(servername).context,
    SNICallback,
    serverOptions: () => ({
      ...TLS_SETTINGS,
      cert: pairFor(undefined).cert,
      key: pairFor(undefined).key,
      SNICallback,
    }),
    onReload(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    reload: () => look('ask'),
    [Symbol.dispose]() {
      clearInterval(timer)
      listeners.clear()
    },
  }
}

async function loadSlot(files: CertificateFiles): Promise<Slot> {
  try {
    const fingerprint = await fingerprintOf(files)
    return { files, pair: await read(files), fingerprint, failed: null }
  } catch (error) {
    throw new CertificateError(`TLS certificate ${files.certificate}: ${reasonOf(error, files)}`)
  }
}

async function read({ certificate, key }: CertificateFiles): Promise<CertificatePair> {
  const [cert, secret] = await Promise.all([readFile(certificate, 'utf8'), readFile(key, 'utf8')])
  return readPair(cert, secret)
}

/** Changes with the files, links to other files included. */
async function fingerprintOf({ certificate, key }: CertificateFiles): Promise<string> {
  // One after the other: where both are missing, the error always names the certificate.
  const both = [await stat(certificate), await stat(key)]
  return both
    .map(({ dev, ino, size, mtimeMs, ctimeMs }) => [dev, ino, size, mtimeMs, ctimeMs].join())
    .join(';')
}

/**
 * True when another pair is in use now. Certificate and key are seldom replaced in one instant, so a pair that
 * cannot be used is tried again on the next look before it is called broken.
 */
async function refresh(slot: Slot, how: 'poll' | 'ask', options: CertificatesOptions): Promise<boolean> {
  const { files } = slot
  let fingerprint = 'unreadable'
  try {
    fingerprint = await fingerprintOf(files)
    if (fingerprint === slot.fingerprint && how === 'poll') {
      slot.failed = null
      return false
    }
    if (fingerprint === slot.failed?.fingerprint && slot.failed.logged && how === 'poll') return false
    const pair = await read(files)
    const changed = pair.cert !== slot.pair.cert || pair.key !== slot.pair.key
    slot.fingerprint = fingerprint
    slot.failed = null
    if (!changed) return false
    slot.pair = pair
    options.log.info(
      { certificate: files.certificate, names: pair.names, validTo: new Date(pair.validTo) },
      'tls: another certificate is in use now',
    )
    warnOfExpiry(slot, options)
    return true
  } catch (error) {
    complain(slot, fingerprint, how, error, options)
    return false
  }
}

function complain(
  slot: Slot,
  fingerprint: string,
  how: 'poll' | 'ask',
  error: unknown,
  { log }: CertificatesOptions,
): void {
  const before = slot.failed?.fingerprint === fingerprint ? slot.failed : null
  const speak = how === 'ask' || before?.logged === false
  if (speak) {
    const { certificate, key } = slot.files
    log.error(
      { certificate, key, reason: reasonOf(error, slot.files) },
      'tls: the new certificate or key cannot be used; the old pair goes on',
    )
  }
  slot.failed = { fingerprint, logged: speak || before?.logged === true }
}

function warnOfExpiry({ files, pair }: Slot, { log, now = Date.now }: CertificatesOptions): void {
  const left = pair.validTo - now()
  if (left > SOON_MS) return
  const fields = { certificate: files.certificate, validTo: new Date(pair.validTo) }
  if (left <= 0) log.error(fields, 'tls: the certificate has expired')
  else log.warn(fields, 'tls: the certificate expires within 14 days')
}

/** The message of what went wrong, which for files tells which one; never what is in them. */
function reasonOf(error: unknown, { certificate, key }: CertificateFiles): string {
  if (error instanceof CertificateError) return error.message
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const path = error instanceof Error && 'path' in error ? error.path : undefined
  const which = path === key && key !== certificate ? `the key ${key}` : 'the file'
  if (code === 'ENOENT') return `${which} is not there`
  if (code === 'EACCES') return `${which} may not be read`
  return code === undefined ? 'it cannot be read' : `${which} cannot be read (${code})`
}

/** Names in lower case, wildcards under `*.`; the first pair that has a name keeps it. */
function indexOf(slots: readonly Slot[]): ReadonlyMap<string, CertificatePair> {
  const names = new Map<string, CertificatePair>()
  for (const { pair } of slots) {
    for (const name of pair.names) if (!names.has(name)) names.set(name, pair)
  }
  return names
}

/** An exact name wins over a wildcard, which stands for one label (RFC 9525 §6.3). */
function find(
  names: ReadonlyMap<string, CertificatePair>,
  servername: string | undefined,
): CertificatePair | undefined {
  if (servername === undefined || servername === '') return undefined
  const name = servername.toLowerCase().replace(/\.$/, '')
  const dot = name.indexOf('.')
  return names.get(name) ?? (dot > 0 ? names.get(`*${name.slice(dot)}`) : undefined)
}

function firstOf([first]: readonly Slot[]): CertificatePair {
  if (first === undefined) throw new Error('there is no certificate')
  return first.pair
}
