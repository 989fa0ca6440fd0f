import { followAuthorityFile } from '#net/authority-file.ts'
import { CertificateError } from '#net/certificate-pair.ts'
import { type CertificateLog, type Certificates, loadCertificates } from '#net/certificates.ts'
import type { Config } from './config.ts'
import { StartError } from './master-key.ts'

/** Calls a listener whenever the operator asks to read files again. */
export type Reloads = (listener: () => void) => Disposable

/** By SIGHUP. */
export const reloadsBySignal: Reloads = (listener) => {
  process.on('SIGHUP', listener)
  return { [Symbol.dispose]: () => void process.off('SIGHUP', listener) }
}

/**
 * The certificates that the configuration names, null when it names none. They follow their files, which are read
 * at once when it is asked for. Rejects with StartError.
 */
export async function openCertificates(
  { tls: [first, ...others] }: Pick<Config, 'tls'>,
  log: CertificateLog,
  reloads: Reloads,
): Promise<Certificates | null> {
  if (first === undefined) return null
  const certificates = await loadCertificates([first, ...others], { log }).catch((error: unknown) => {
    throw error instanceof CertificateError ? new StartError(error.message) : error
  })
  const reloading = reloads(() => void certificates.reload())
  return {
    ...certificates,
    [Symbol.dispose]() {
      reloading[Symbol.dispose]()
      certificates[Symbol.dispose]()
    },
  }
}

/** Who may have signed client certificates, in PEM, and whether a login needs one. */
type ClientAuthority = { readonly ca: string; readonly required: boolean }

/** The same object until the file changes. */
export type ClientAuthorities = Disposable & { now(): ClientAuthority }

/** Null when the configuration names none. Followed as certificates are. Rejects with StartError. */
export async function openClientAuthorities(
  { ftp: { clientCertificates: configured } }: Pick<Config, 'ftp'>,
  log: CertificateLog,
  reloads: Reloads,
): Promise<ClientAuthorities | null> {
  if (configured === null) return null
  const { required } = configured
  const file = await followAuthorityFile(configured.ca, { log }).catch((error: unknown) => {
    throw error instanceof CertificateError
      ? new StartError(`ftp.client_certificates: ${error.message}`)
      : error
  })
  let authority: ClientAuthority = { ca: file.pem(), required }
  const reloading = reloads(() => void file.reload())
  return {
    now() {
      if (authority.ca !== file.pem()) authority = { ca: file.pem(), required }
      return authority
    },
    [Symbol.dispose]() {
      reloading[Symbol.dispose]()
      file[Symbol.dispose]()
    },
  }
}
