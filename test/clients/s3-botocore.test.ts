import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PROJECT } from '#test/imports.ts'
import { type GeneratedRequest, HOST, requests, targetOf } from '#test/protocols/s3/generated.ts'
import { requestOf } from '#test/protocols/s3/requests.ts'
import { verdictOf } from '#test/protocols/s3/signed.ts'
import { program } from './programs.ts'
import { run } from './run.ts'

const SECRET = { text: 'secret+/=key' }
const MANY = 3_000

type Signed = { readonly url: string; readonly headers: readonly (readonly [string, string])[] }

async function hasBotocore(): Promise<boolean> {
  if (!program('python3')) return false
  if ((await run('python3', ['-c', 'import botocore'])).code === 0) return true
  if (process.env.LATCHKEY_REQUIRE_PROGRAMS === '1') throw new Error('python3-botocore is not installed')
  console.warn('SKIPPED: python3-botocore is not installed, what it would show is not shown')
  return false
}

/** One Python process signs all of them. */
async function sign(given: readonly GeneratedRequest[], more: object): Promise<Signed[]> {
  const child = spawn('python3', [join(PROJECT, 'test/clients/sign_requests.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = given.map((request) =>
    JSON.stringify({
      ...more,
      id: 'AKIDBOTO',
      secret: SECRET.text,
      method: request.method,
      url: `http://${HOST}${targetOf(request)}`,
      headers: request.headers,
    }),
  )
  child.stdin.end(`${lines.join('\n')}\n`)
  const signed: Signed[] = []
  for await (const line of createInterface({ input: child.stdout })) signed.push(JSON.parse(line))
  return signed
}

function received({ url, headers }: Signed, method: string) {
  const target = url.slice(`http://${HOST}`.length)
  return requestOf(method, target, [['Host', HOST], ...headers])
}

test.skipIf(!(await hasBotocore()))(
  'botocore: thousands of signed requests verify, and not with another secret',
  async () => {
    const given = fc.sample(requests, { numRuns: MANY, seed: 20_261_122 })
    const signed = await sign(given, { region: 'local', presign: false })
    expect(signed).toHaveLength(MANY)
    const wrong = signed.filter((one, index) => {
      const request = received(one, given[index]?.method ?? '')
      return (
        verdictOf(request, SECRET, Date.now()) !== true ||
        verdictOf(request, { text: 'other' }, Date.now()) !== false
      )
    })
    expect(wrong).toEqual([])
  },
)

test.skipIf(!(await hasBotocore()))('botocore: presigned URLs verify', async () => {
  const given = fc.sample(requests, { numRuns: MANY, seed: 5 }).map((one) => ({ ...one, headers: [] }))
  const signed = await sign(given, { region: 'eu-test-9', presign: true, expires: 600 })
  const verdicts = signed.map((one, index) =>
    verdictOf(received(one, given[index]?.method ?? ''), SECRET, Date.now()),
  )
  expect(verdicts).toHaveLength(MANY)
  expect(new Set(verdicts)).toEqual(new Set([true]))
})
