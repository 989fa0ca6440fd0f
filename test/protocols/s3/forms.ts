import { createHmac } from 'node:crypto'
import { signingKey } from '#protocols/s3/canonical.ts'
import type { Pair, Wire } from './wire.ts'
import { codeOf } from './wire.ts'

export type FormPart = {
  readonly name: string
  readonly value: string | Uint8Array
  readonly fileName?: string
}

export type PolicyOptions = {
  readonly bucket?: string
  readonly conditions?: readonly unknown[]
  readonly fields?: Readonly<Record<string, string>>
  /** Default: in a minute. */
  readonly expiration?: string
  /** The whole document instead. */
  readonly document?: unknown
  readonly now?: number
}

const BOUNDARY = 'form-0123456789'

/** The fields of a signed form, as a site puts them into a page. */
export function signedFields(pair: Pair, options: PolicyOptions = {}): FormPart[] {
  const { bucket = 'box', conditions = [], fields = { key: 'posted' }, now = Date.now() } = options
  const timestamp = new Date(now).toISOString().replace(/\.\d+|[-:]/g, '')
  const date = timestamp.slice(0, 8)
  const own = {
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': `${pair.accessKeyId}/${date}/local/s3/aws4_request`,
    'x-amz-date': timestamp,
  }
  const document = options.document ?? {
    expiration: options.expiration ?? new Date(now + 60_000).toISOString(),
    conditions: [
      { bucket },
      ...Object.entries(own).map(([name, value]) => ({ [name]: value })),
      ...conditions,
    ],
  }
  const policy = Buffer.from(JSON.stringify(document)).toString('base64')
  const key = signingKey({ text: pair.secretAccessKey }, { date, region: 'local' })
  const signature = createHmac('sha256', key).update(policy).digest('hex')
  const all = { ...fields, ...own, policy, 'x-amz-signature': signature }
  return Object.entries(all).map(([name, value]) => ({ name, value }))
}

export function fileOf(value: string | Uint8Array, fileName = 'report.txt'): FormPart {
  return { name: 'file', value, fileName }
}

export function formBody(parts: readonly FormPart[], boundary = BOUNDARY): Buffer {
  const pieces = parts.flatMap(({ name, value, fileName }) => {
    const file = fileName === undefined ? '' : `; filename="${fileName}"`
    const type = fileName === undefined ? '' : 'Content-Type: text/plain\r\n'
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n${type}\r\n`
    return [Buffer.from(head), Buffer.from(value), Buffer.from('\r\n')]
  })
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)])
}

export function postForm(wire: Wire, parts: readonly FormPart[], path = '/box') {
  const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
  return wire.send('POST', path, headers, formBody(parts))
}

/** Status and code of a form's answer. */
export async function outcomeOf(wire: Wire, parts: readonly FormPart[]): Promise<string> {
  const answer = await postForm(wire, parts)
  return [answer.status, codeOf(answer)].filter((one) => one !== undefined).join(' ')
}
