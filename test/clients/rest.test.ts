import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTicket } from '#identity/tickets.ts'
import { startWorld, type World } from '#test/world.ts'
import { program } from './programs.ts'
import { succeed } from './run.ts'

let world: World
let base: string
beforeAll(async () => {
  world = await startWorld()
  base = `http://127.0.0.1:${(await world.start('rest')).port}`
})
afterAll(() => world[Symbol.asyncDispose]())

const curl = (...args: string[]) => succeed('curl', ['-sS', ...args])
const status = (...args: string[]) => curl('-o', '/dev/null', '-w', '%{http_code}', ...args)
const JSON_TYPE = ['-H', 'Content-Type: application/json']

describe.skipIf(!program('curl'))('curl on REST', () => {
  test.each([
    'Authorization: Bearer',
    'Authorization: ApiKey',
    'X-Custom-Auth-Key:',
    'X-FilesAPI-Key:',
    'XF-Api-Key:',
  ])('D3 and D5: %s shows what the key may do', async (header) => {
    const key = await world.issue()
    const answer = await curl('-H', `${header} ${key.value}`, `${base}/api/test/api-key`)
    expect(JSON.parse(answer)).toMatchObject({ id: key.id, type: 'user', role: 'administrator' })
  })

  test('a key is made, used, disabled and deleted with a site key', async () => {
    const site = await world.issue({ type: 'site' })
    await world.issue({ role: 'member' })
    const login = ['-H', `Authorization: Bearer ${site.value}`]
    const body = JSON.stringify({ name: 'by curl', user: 'member', s3: true })
    const made = JSON.parse(await curl(...login, ...JSON_TYPE, '-d', body, `${base}/api/v1/keys`))
    const its = ['-H', `XF-Api-Key: ${made.value}`, `${base}/api/test/api-key`]
    expect(await status(...its)).toBe('200')
    expect(await status(...login, '-X', 'POST', `${base}/api/v1/keys/${made.id}/disable`)).toBe('200')
    expect(await status(...its)).toBe('401')
    expect(await status(...login, '-X', 'DELETE', `${base}/api/v1/keys/${made.id}`)).toBe('204')
    expect(await status(...login, `${base}/api/v1/keys/${made.id}`)).toBe('404')
  })

  test('a body of 1 MiB is refused and the connection survives for the next request', async () => {
    const site = await world.issue({ type: 'site' })
    const login = ['-H', `Authorization: Bearer ${site.value}`]
    const big = await succeed(
      'curl',
      ['-sS', ...login, ...JSON_TYPE, '--data-binary', '@-', `${base}/api/v1/keys`],
      { input: `{"name":"${'x'.repeat(1024 * 1024)}"}` },
    )
    expect(JSON.parse(big)).toMatchObject({ error: { code: 'too_large' } })
    expect(await status(`${base}/health/live`)).toBe('200')
  })

  test('the one-time link survives being looked at, and works once', async () => {
    await world.issue()
    const operator = { kind: 'command_line' } as const
    const { ticket } = await createTicket(world.identity, operator, world.site.id, { name: 'admin' })
    const link = `${base}/start/${ticket}`
    expect(await status('-I', link)).toBe('200')
    expect(await curl(link)).toContain('<form method="post"')
    const fields = ['password', 'again'].flatMap((name) => [
      '--data-urlencode',
      `${name}=corréct horse battery`,
    ])
    expect(await curl(...fields, link)).toContain('Your password is set')
    expect(await status(...fields, link)).toBe('404')
  })
})
