import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { CertificateError } from './certificate-pair.ts'
import type { CertificateLog } from './certificates.ts'

/** A PEM file of certificate authorities that is followed. */
export type AuthorityFile = Disposable & {
  /** The certificates that are trusted now, as PEM. */
  pem(): string
  /** Reads the file again now. Never rejects: what cannot be used is logged, and the old ones go on. */
  reload(): Promise<void>
}

export type AuthorityFileOptions = {
  readonly log: CertificateLog
  /** How often the file is read, in milliseconds; default 5,000. 0: only when `reload` is called. */
  readonly pollMs?: number | undefined
}

const POLL_MS = 5_000
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const BEGIN = /-----BEGIN CERTIFICATE-----/g

/** Rejects with CertificateError when the file has no certificates that can be read. */
export async function followAuthorityFile(
  file: string,
  { log, pollMs = POLL_MS }: AuthorityFileOptions,
): Promise<AuthorityFile> {
  let pem = await read(file)
  let complained = ''
  const reload = async () => {
    try {
      const now = await read(file)
      complained = ''
      if (now === pem) return
      pem = now
      log.info({ file }, 'tls: other authorities sign client certificates now')
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (reason === complained) return
      complained = reason
      log.error({ file, reason }, 'tls: the new authorities cannot be used; the old ones go on')
    }
  }
  const timer = pollMs > 0 ? setInterval(() => void reload(), pollMs).unref() : undefined
  return { pem: () => pem, reload, [Symbol.dispose]: () => clearInterval(timer) }
}

async function read(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new CertificateError(`${file} cannot be read`)
  })
  const certificates = text.match(CERTIFICATE) ?? []
  // A file that is being written ends in the middle of one.
  if (
    certificates.length === 0 ||
    certificates.length !== text.match(BEGIN)?.length ||
    !certificates.every(isReadable)
  )
    throw new CertificateError(`${file} is no PEM file with certificates`)
  return text
}

function isReadable(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).raw.length > 0
  } catch {
    return false
  }
}
