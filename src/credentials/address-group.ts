import { isIPv6 } from 'node:net'

const IPV4 = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/

/** What one customer of a provider has to guess from: an IPv4 address, or the /64 of an IPv6 address. */
export function addressGroup(address: string): string {
  if (IPV4.test(address)) return address
  const plain = (address.split('%')[0] ?? '').toLowerCase()
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1]
  if (mapped !== undefined) return mapped
  return isIPv6(plain) ? `${firstHalf(plain)}::/64` : plain
}

function firstHalf(address: string): string {
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  // A dotted end stands for two groups.
  const width = left.length + right.length + (address.includes('.') ? 1 : 0)
  const zeros = tail === undefined ? [] : new Array<string>(Math.max(8 - width, 0)).fill('0')
  return [...left, ...zeros, ...right]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
