import type { Connection } from 'ssh2'

/**
 * True while the connection exchanges keys. Not part of ssh2's interface (the version is pinned, a test
 * rekeys under load): it tells the end of an exchange but not the start of one that the client began.
 */
export function exchangesKeys(client: Connection): boolean {
  const protocol: unknown = Reflect.get(client, '_protocol')
  return typeof protocol === 'object' && protocol !== null && Reflect.get(protocol, '_kexinit') !== undefined
}
