import type { Random } from '../seeded.ts'

type Mutation = (bytes: Buffer, random: Random) => Buffer

/** Numbers that parsers stumble over, as text and as big-endian words. */
const NUMBERS = [
  '0',
  '-1',
  '1',
  '255',
  '256',
  '65536',
  '2147483648',
  '4294967295',
  '18446744073709551616',
  '1e9',
  'NaN',
]
const WORDS = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]
const SPECIAL = [
  '\0',
  '\r\n',
  '\r\n\r\n',
  '/',
  '../',
  '%00',
  '%2e%2e%2f',
  '"',
  "'",
  '<',
  '&',
  ';',
  ':',
  ' ',
  '\t',
  '\xff',
  '\u{1f600}',
]

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    for (let count = random.between(1, 8); count > 0 && copy.length > 0; count--) {
      copy[random.between(0, copy.length - 1)] = random.between(0, 255)
    }
    return copy
  },
  (bytes, random) => bytes.subarray(0, random.between(0, bytes.length)),
  (bytes, random) => {
    const [from, to] = span(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  (bytes, random) => {
    const [from, to] = span(bytes, random)
    const again = Array.from({ length: random.between(2, 50) }, () => bytes.subarray(from, to))
    return Buffer.concat([bytes.subarray(0, from), ...again, bytes.subarray(to)])
  },
  (bytes, random) => insert(bytes, random, Buffer.from(random.pick(SPECIAL))),
  (bytes, random) =>
    insert(
      bytes,
      random,
      Buffer.from(Array.from({ length: random.between(1, 200) }, () => random.between(0, 255))),
    ),
  (bytes, random) => insert(bytes, random, Buffer.alloc(random.between(1, 100_000), random.between(0, 255))),
  (bytes, random) => {
    const text = bytes.toString('latin1')
    return Buffer.from(
      text.replace(/\d+/g, (number) => (random.next() < 0.3 ? random.pick(NUMBERS) : number)),
      'latin1',
    )
  },
  (bytes, random) => {
    if (bytes.length < 4) return bytes
    const copy = Buffer.from(bytes)
    copy.writeUInt32BE(random.pick(WORDS), random.between(0, copy.length - 4))
    return copy
  },
]

/** The input changed in one to three ways. Never longer than twice the input and 300 kB. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let changed = bytes
  for (let count = random.between(1, 3); count > 0; count--) changed = random.pick(MUTATIONS)(changed, random)
  return changed.subarray(0, bytes.length * 2 + 300_000)
}

/** The same for text; what is no UTF-8 any more becomes U+FFFD. */
export function mutateText(text: string, random: Random): string {
  return mutate(Buffer.from(text), random).toString()
}

function span(bytes: Buffer, random: Random): [number, number] {
  const from = random.between(0, bytes.length)
  return [from, random.between(from, Math.min(bytes.length, from + 200))]
}

function insert(bytes: Buffer, random: Random, piece: Buffer): Buffer {
  const at = random.between(0, bytes.length)
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])
}
