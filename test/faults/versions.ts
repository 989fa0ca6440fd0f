import { createHash } from 'node:crypto'

const HEAD_BYTES = 64

/** Bytes that tell which file and which version they are, and whether they are whole. `size` ≥ 64. */
export function contentOf(name: string, version: number, size: number): Buffer {
  const body = Buffer.alloc(Math.max(0, size - HEAD_BYTES), `${name} ${version} `)
  const head = `${version} ${size} ${digest(name, version, body)}`
  return Buffer.concat([Buffer.from(head.padEnd(HEAD_BYTES)), body])
}

/** The version that these bytes are, or null when they are cut, mixed, or another file's. */
export function versionIn(name: string, bytes: Buffer): number | null {
  const [version = '', size = '', sum = ''] = bytes.subarray(0, HEAD_BYTES).toString().trim().split(' ')
  const whole = Number(size) === bytes.length
  return whole && sum === digest(name, Number(version), bytes.subarray(HEAD_BYTES)) ? Number(version) : null
}

function digest(name: string, version: number, body: Buffer): string {
  return createHash('sha256').update(`${name} ${version}`).update(body).digest('hex').slice(0, 32)
}
