import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { S3Request } from '#protocols/s3/request.ts'
import { type GeneratedRequest, HOST, plainRequests, targetOf } from './generated.ts'
import { requestOf } from './requests.ts'
import { Sha256 } from './sha256.ts'
import { verdictOf } from './signed.ts'

const NOW = Date.UTC(2026, 10, 22)
const SECRET = { text: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const signer = new SignatureV4({
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET.text },
  region: 'local',
  service: 's3',
  sha256: Sha256,
  uriEscapePath: false,
})

type Message = {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
}

async function signed(request: GeneratedRequest): Promise<Message> {
  const query = request.query.map((pair) => pair.map(decodeURIComponent))
  const { headers } = await signer.sign(
    {
      method: request.method,
      protocol: 'http:',
      hostname: 'localhost',
      path: request.path,
      query: Object.fromEntries(query),
      headers: {
        ...Object.fromEntries(request.headers),
        host: HOST,
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      },
    },
    { signingDate: new Date(NOW) },
  )
  const covered = new Set(/SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';'))
  const sent = Object.entries(headers).filter(([name]) => name === 'authorization' || covered.has(name))
  return { method: request.method, target: targetOf(request), headers: sent }
}

/** What a request asks for; null when it cannot be read. */
function readOf({ method, target, headers }: Message): S3Request | null {
  try {
    return requestOf(
      method,
      target,
      headers.map(([name, value]) => [name, value.trim()] as const),
    )
  } catch {
    return null
  }
}

/** The meaning of a request: two with the same one are the same to every server. */
function meaningOf({ method, bucket, key, query, headers }: S3Request): string {
  const fold = (value: string) => value.replace(/[ \t]+/g, ' ').trim()
  const said = [...headers]
    .filter(([name]) => name !== 'authorization')
    .map(([name, value]) => [name, fold(value)])
  return JSON.stringify([method, bucket, key, query.map(String).sort(), said.map(String).sort()])
}

const flipAt = (text: string, index: number, bit: number) =>
  text.slice(0, index) + String.fromCharCode(text.charCodeAt(index) ^ (1 << bit)) + text.slice(index + 1)

function* mutations(message: Message): Generator<Message> {
  for (let bit = 0; bit < 8; bit++) {
    for (let i = 0; i < message.method.length; i++)
      yield { ...message, method: flipAt(message.method, i, bit) }
    for (let i = 1; i < message.target.length; i++)
      yield { ...message, target: flipAt(message.target, i, bit) }
    for (const [index, [name, value]] of message.headers.entries()) {
      const changed = (pair: readonly [string, string]) => ({
        ...message,
        headers: message.headers.with(index, pair),
      })
      for (let i = 0; i < name.length; i++) yield changed([flipAt(name, i, bit), value])
      for (let i = 0; i < value.length; i++) yield changed([name, flipAt(value, i, bit)])
    }
  }
}

describe('SigV4: mutations', () => {
  test('any flipped bit of method, target or signed headers is refused, unless it means the same', async () => {
    let refused = 0
    let same = 0
    await fc.assert(
      fc.asyncProperty(plainRequests, async (request) => {
        const message = await signed(request)
        const original = readOf(message)
        if (original === null) throw new Error('the oracle signed what cannot be read')
        expect(verdictOf(original, SECRET, NOW)).toBe(true)
        for (const mutated of mutations(message)) {
          const read = readOf(mutated)
          if (read === null || verdictOf(read, SECRET, NOW) !== true) refused += 1
          else {
            same += 1
            expect(meaningOf(read)).toBe(meaningOf(original))
          }
        }
      }),
      { numRuns: 5, seed: 7 },
    )
    expect(refused).toBeGreaterThan(8_000)
    expect(same).toBeLessThan(refused / 10)
  }, 60_000)

  test('any header, query pair or path segment that is added or left out is refused', async () => {
    await fc.assert(
      fc.asyncProperty(plainRequests, async (request) => {
        const message = await signed(request)
        const verdict = (changed: Partial<Message>) => {
          const read = readOf({ ...message, ...changed })
          return read === null ? 'unreadable' : verdictOf(read, SECRET, NOW)
        }
        const glue = message.target.includes('?') ? '&' : '?'
        expect(verdict({ target: `${message.target}${glue}x-new` })).not.toBe(true)
        expect(verdict({ target: `/b${message.target}` })).not.toBe(true)
        expect(verdict({ headers: [...message.headers, ['x-amz-meta-new-one', '1']] })).not.toBe(true)
        for (const index of message.headers.keys()) {
          const without = message.headers.toSpliced(index, 1)
          expect(verdict({ headers: without })).not.toBe(true)
        }
      }),
      { numRuns: 100, seed: 11 },
    )
  })
})
