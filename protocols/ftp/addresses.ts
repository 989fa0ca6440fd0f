/** The address without zone, and IPv4 in its own form when it came mapped into IPv6. */
export function plainAddress(address: string | undefined): string {
  const text = (address ?? '').split('%')[0] ?? ''
  return text.startsWith('::ffff:') && text.includes('.') ? text.slice(7) : text
}

/** 127.0.0.0/8, ::1 and localhost. */
export function isLoopback(address: string): boolean {
  const plain = plainAddress(address)
  return plain === '::1' || plain === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(plain)
}
