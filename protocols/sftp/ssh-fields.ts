/** A 32-bit number as SSH writes it (RFC 4251, 5). */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A string: its length, then its bytes. */
export function field(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u32(bytes.length), bytes])
}

/** A number from its bytes without a sign, the highest first. */
export function mpint(bytes: Buffer): Buffer {
  const from = bytes.findIndex((byte) => byte !== 0)
  if (from === -1) return field('')
  const digits = bytes.subarray(from)
  return field((digits[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits)
}

/** The strings that fill `bytes`; null when they do not. */
export function fieldsOf(bytes: Buffer): Buffer[] | null {
  const fields: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 4) return null
    const end = at + 4 + bytes.readUInt32BE(at)
    if (end > bytes.length) return null
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  return fields
}
