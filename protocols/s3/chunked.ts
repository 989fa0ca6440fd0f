import { createHash, createHmac, type Hash, hash, type KeyObject } from 'node:crypto'
import { S3Fault } from './errors.ts'
import { sameSignature } from './sigv4.ts'

/** Proves that each chunk follows the one before, from the request's own signature on. */
export type ChunkChain = {
  /** Takes the signature of the next link (`digest`: hex SHA-256 of its bytes). Fault SignatureDoesNotMatch. */
  accept(kind: 'PAYLOAD' | 'TRAILER', digest: string, signature: string): void
}

const EMPTY_SHA256 = hash('sha256', '')

export function createChunkChain(key: KeyObject, timestamp: string, scope: string, seed: string): ChunkChain {
  let previous = seed
  return {
    accept(kind, digest, signature) {
      const middle = kind === 'PAYLOAD' ? `${EMPTY_SHA256}\n` : ''
      const text = `AWS4-HMAC-SHA256-${kind}\n${timestamp}\n${scope}\n${previous}\n${middle}${digest}`
      if (!sameSignature(createHmac('sha256', key).update(text).digest(), signature)) {
        throw new S3Fault('SignatureDoesNotMatch', 'The signature of a chunk does not match.')
      }
      previous = signature
    },
  }
}

export type ChunkedOptions = {
  /** Null for unsigned chunks. */
  readonly chain: ChunkChain | null
  /** Lower-case names from `x-amz-trailer`. */
  readonly trailers: readonly string[]
  /** `x-amz-decoded-content-length`; null when it was not sent. */
  readonly length: number | null
}

export type ChunkDecoder = {
  /** The payload in these bytes, as views of them. */
  push(bytes: Buffer): Buffer[]
  /** Call at the end of the body: the trailers by name. Faults IncompleteBody, MalformedTrailerError. */
  finish(): ReadonlyMap<string, string>
}

const MAX_LINE = 16 * 1024
const NEWLINE = 10

type State = {
  readonly options: ChunkedOptions
  readonly trailer: TrailerReader
  phase: 'head' | 'data' | 'data_end' | 'trailer' | 'done'
  /** Pieces of a line whose end has not come, and their length. */
  line: Buffer[]
  lineLength: number
  /** Bytes that the chunk still owes, and of all chunks so far. */
  left: number
  total: number
  /** Of the chunk that is being read. */
  signature: string
  digest: Hash | null
}

/**
 * Decodes `aws-chunked`: `<hex size>[;chunk-signature=…]\r\n<bytes>\r\n` … `0…\r\n<trailers>\r\n`. Holds no
 * chunk: bytes are given on at once, and the Fault for a wrong signature comes at the end of its chunk.
 */
export function createChunkDecoder(options: ChunkedOptions): ChunkDecoder {
  const state: State = {
    options,
    trailer: createTrailerReader(options),
    phase: 'head',
    line: [],
    lineLength: 0,
    left: 0,
    total: 0,
    signature: '',
    digest: null,
  }
  return {
    push(bytes) {
      const out: Buffer[] = []
      for (let position = 0; position < bytes.length; ) position = step(state, bytes, position, out)
      return out
    },
    finish() {
      const ended = state.phase === 'done' || state.phase === 'trailer'
      if (!ended || state.lineLength > 0) throw new S3Fault('IncompleteBody')
      if (options.length !== null && state.total !== options.length) throw new S3Fault('IncompleteBody')
      return state.trailer.finish()
    },
  }
}

/** Takes what belongs together from `from` on; the index behind it. */
function step(state: State, bytes: Buffer, from: number, out: Buffer[]): number {
  switch (state.phase) {
    case 'data':
      return takeData(state, bytes, from, out)
    case 'done':
      // minio-go ends its trailers with one line break too many.
      if (bytes.subarray(from).some((byte) => byte !== 13 && byte !== NEWLINE)) {
        throw new S3Fault('IncompleteBody', 'There are bytes behind the last chunk.')
      }
      return bytes.length
    default:
      return takeLine(state, bytes, from)
  }
}

function takeLine(state: State, bytes: Buffer, from: number): number {
  const newline = bytes.indexOf(NEWLINE, from)
  const end = newline < 0 ? bytes.length : newline
  state.lineLength += end - from
  if (state.lineLength > MAX_LINE)
    throw new S3Fault('InvalidRequest', 'A chunk header or trailer is too long.')
  state.line.push(bytes.subarray(from, end))
  if (newline < 0) return bytes.length
  const text = Buffer.concat(state.line).toString('latin1')
  state.line = []
  state.lineLength = 0
  onLine(state, text.endsWith('\r') ? text.slice(0, -1) : text)
  return newline + 1
}

function onLine(state: State, text: string): void {
  if (state.phase === 'head') {
    onHead(state, text)
  } else if (state.phase === 'data_end') {
    if (text !== '') throw new S3Fault('IncompleteBody', 'A chunk is longer than its header says.')
    state.phase = 'head'
  } else if (text !== '') {
    state.trailer.add(text)
  } else if (state.trailer.complete()) {
    state.phase = 'done'
  }
}

function onHead(state: State, text: string): void {
  const { chain, length } = state.options
  const [, size = '', given = ''] =
    /^([0-9a-fA-F]{1,13})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(text) ?? []
  if (size === '' || (chain !== null && given === '')) {
    throw new S3Fault('IncompleteBody', 'A chunk header is malformed.')
  }
  state.left = Number.parseInt(size, 16)
  state.signature = given
  state.total += state.left
  if (length !== null && state.total > length) throw new S3Fault('IncompleteBody')
  state.phase = state.left === 0 ? 'trailer' : 'data'
  if (state.left === 0) chain?.accept('PAYLOAD', EMPTY_SHA256, given)
  else if (chain !== null) state.digest = createHash('sha256')
}

function takeData(state: State, bytes: Buffer, from: number, out: Buffer[]): number {
  const end = Math.min(from + state.left, bytes.length)
  const piece = bytes.subarray(from, end)
  out.push(piece)
  state.digest?.update(piece)
  state.left -= piece.length
  if (state.left > 0) return end
  if (state.digest !== null) {
    state.options.chain?.accept('PAYLOAD', state.digest.digest('hex'), state.signature)
  }
  state.digest = null
  state.phase = 'data_end'
  return end
}

type TrailerReader = {
  add(line: string): void
  /** True when nothing more is owed, so that an empty line is the end. */
  complete(): boolean
  finish(): ReadonlyMap<string, string>
}

function createTrailerReader({ chain, trailers }: ChunkedOptions): TrailerReader {
  const found = new Map<string, string>()
  const signed = chain !== null && trailers.length > 0
  let text = ''
  let signature: string | null = null
  const add = (line: string): void => {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (signed && name === 'x-amz-trailer-signature' && signature === null) {
      signature = value
      return
    }
    if (!trailers.includes(name) || found.has(name) || signature !== null)
      throw new S3Fault('MalformedTrailerError')
    found.set(name, value)
    text += `${name}:${value}\n`
  }
  return {
    add,
    // minio-go puts an empty line before the signature of its trailers.
    complete: () => found.size === trailers.length && (!signed || signature !== null),
    finish() {
      if (found.size !== trailers.length) throw new S3Fault('MalformedTrailerError')
      if (signed) chain?.accept('TRAILER', hash('sha256', text), signature ?? '')
      return found
    },
  }
}
