import { trustedProxies } from '#net/proxy.ts'

/** What PASV tells clients of a network (CIDR): an IPv4 address, or a name that has one. */
export type ExternalAddress = { readonly network: string; readonly address: string }

/** The first network that holds the client decides, then `otherwise`. Null: nothing but our own address. */
export function externalAddressFor(
  addresses: readonly ExternalAddress[],
  otherwise: string | null,
): (client: string) => string | null {
  const networks = addresses.map(({ network, address }) => ({ within: trustedProxies([network]), address }))
  return (client) => networks.find(({ within }) => within.holds(client))?.address ?? otherwise
}
