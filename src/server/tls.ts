import { readFile } from 'node:fs/promises'
import { CertificateError } from '#net/certificate-pair.ts'
import { type CertificateLog, type Certificates, loadCertificates } from '#net/certificates.ts'
import type { Config } from './config.ts'
import { StartError } from './master-key.ts'

/**
 * The certificates that the configuration names, null when it names none. They follow their files; SIGHUP
 * reads them at once. Rejects with StartError.
 */
export async function openCertificates(
  { tls: [first, ...others] }: Pick<Config, 'tls'>,
  log: CertificateLog,
): Promise<Certificates | null> {
  if (first === undefined) return null
  const certificates = await loadCertificates([first, ...others], { log }).catch((error: unknown) => {
    throw error instanceof CertificateError ? new StartError(error.message) : error
  })
  const reload = () => void certificates.reload()
  process.on('SIGHUP', reload)
  return {
    ...certificates,
    [Symbol.dispose]() {
      process.off('SIGHUP', reload)
      certificates[Symbol.dispose]()
    },
  }
}

/** PEM of those who may have signed client certificates. Rejects with StartError. */
export async function readClientAuthority(
  configured: Config['ftp']['clientCertificates'],
): Promise<{ readonly ca: string; readonly required: boolean } | null> {
  if (configured === null) return null
  const ca = await readFile(configured.ca, 'utf8').catch(() => '')
  if (ca.includes('-----BEGIN CERTIFICATE-----')) return { ca, required: configured.required }
  throw new StartError(`ftp.client_certificates: ${configured.ca} is no readable PEM file with certificates`)
}
