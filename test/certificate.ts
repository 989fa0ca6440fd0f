import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Certificates, loadCertificates } from '#net/certificates.ts'

export type Pem = { readonly key: string; readonly cert: string }

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/**
 * A certificate for some names, made now (node:crypto makes no X.509, the openssl program does); signed by
 * itself, or by `signer`.
 */
export async function makeCertificate(
  names: readonly string[] = ['localhost', '127.0.0.1'],
  signer?: Pem,
): Promise<Pem> {
  const dir = await mkdtemp(join(tmpdir(), 'latchkey-cert-'))
  const at = (name: string) => join(dir, name)
  try {
    const alternatives = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`)).join()
    const subject = ['-subj', `/CN=${names[0]}`]
    const extension = `subjectAltName=${alternatives}`
    if (signer === undefined) {
      const self = ['-x509', '-days', '60', ...subject, '-addext', extension]
      await openssl('req', ...EC, ...self, '-keyout', at('key'), '-out', at('cert'))
    } else {
      await openssl('req', ...EC, ...subject, '-keyout', at('key'), '-out', at('request'))
      await writeFile(at('signer.key'), signer.key)
      await writeFile(at('signer.cert'), signer.cert)
      await writeFile(at('extension'), extension)
      const by = ['-CA', at('signer.cert'), '-CAkey', at('signer.key'), '-CAcreateserial', '-days', '60']
      await openssl(
        'x509',
        '-req',
        '-in',
        at('request'),
        ...by,
        '-extfile',
        at('extension'),
        '-out',
        at('cert'),
      )
    }
    return { key: await readFile(at('key'), 'utf8'), cert: await readFile(at('cert'), 'utf8') }
  } finally {
    await rm(dir, { recursive: true })
  }
}

async function openssl(...args: readonly string[]): Promise<void> {
  await promisify(execFile)('openssl', args)
}

const SILENT = { info() {}, warn() {}, error() {} }

/** These pairs, loaded as a server loads them; the first is the default. */
export async function certificatesOf(first: Pem, ...others: readonly Pem[]): Promise<Certificates> {
  const dir = await mkdtemp(join(tmpdir(), 'latchkey-certs-'))
  try {
    const [one, ...rest] = await Promise.all([first, ...others].map((pem, n) => save(dir, String(n), pem)))
    if (one === undefined) throw new Error('no pair')
    return await loadCertificates([one, ...rest], { log: SILENT, pollMs: 0 })
  } finally {
    await rm(dir, { recursive: true })
  }
}

/** Writes a pair into a folder. */
export async function save(
  dir: string,
  name: string,
  { key, cert }: Pem,
): Promise<{ certificate: string; key: string }> {
  const files = { certificate: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) }
  await writeFile(files.certificate, cert)
  await writeFile(files.key, key)
  return files
}
