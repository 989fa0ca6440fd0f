import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { type Result, run, succeed } from './run.ts'
import { type Server, startServer } from './server.ts'

type Shown = { kind: string; state: string; fingerprint: string; public_key: string; sshfp: string }

let server: Server
let local: string
let port: string

beforeAll(async () => {
  server = await startServer()
  local = await mkdtemp(join(tmpdir(), 'latchkey-host-keys-'))
  port = new URL(server.demo.sftp).port
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(local, { recursive: true, force: true })
})

const knownHosts = () => join(local, 'known_hosts')
const list = () => server.cli<Shown[]>('host-key', 'list', '--host', 'files.example.org')

/** OpenSSH's sftp, which keeps its own list of host keys. */
function sftp(...more: readonly string[]): Promise<Result> {
  const { login, value } = server.demo
  const options = [
    `-oUserKnownHostsFile=${knownHosts()}`,
    '-oGlobalKnownHostsFile=/dev/null',
    '-oHashKnownHosts=no',
  ]
  // Of an option that is given twice the first counts.
  const args = [
    '-e',
    'sftp',
    ...more,
    '-oBatchMode=no',
    '-oNumberOfPasswordPrompts=1',
    ...options,
    '-oUpdateHostKeys=yes',
  ]
  const to = ['-P', port, '-b', '-', `${login}@127.0.0.1`]
  return run('sshpass', [...args, ...to], { env: { SSHPASS: value }, input: 'ls\n' })
}

async function ok(result: Promise<Result>): Promise<string> {
  const { code, stderr } = await result
  expect(code, stderr).toBe(0)
  return stderr
}

/** The public keys that OpenSSH knows of the server, sorted. */
async function known(): Promise<string[]> {
  const lines = (await readFile(knownHosts(), 'utf8')).trim().split('\n')
  return lines.map((line) => line.split(' ').slice(1, 3).join(' ')).sort()
}

const keysOf = (shown: readonly Shown[]) => shown.map((one) => one.public_key).sort()
const STRICT = '-oStrictHostKeyChecking=yes'

describe('host keys', () => {
  test('the first start makes three kinds, readable by their owner only, and OpenSSH reads them', async () => {
    if (!program('ssh-keygen')) return
    const shown = await list()
    expect(shown.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      'ed25519 in use',
      'ecdsa in use',
      'rsa in use',
    ])
    for (const { kind, fingerprint, public_key } of shown) {
      const file = join(server.data, `ssh_host_${kind}_key`)
      expect((await stat(file)).mode & 0o777).toBe(0o600)
      expect((await succeed('ssh-keygen', ['-y', '-f', file])).trim().split(' ').slice(0, 2).join(' ')).toBe(
        public_key,
      )
      await writeFile(join(local, `${kind}.pub`), `${public_key}\n`)
      const print = await succeed('ssh-keygen', ['-l', '-f', join(local, `${kind}.pub`)])
      expect(print).toContain(fingerprint)
      if (kind === 'rsa') expect(print).toMatch(/^3072 /)
    }
  })

  test('SSHFP records are those of ssh-keygen -r', async () => {
    if (!program('ssh-keygen')) return
    for (const { kind, sshfp } of await list()) {
      const records = await succeed('ssh-keygen', [
        '-r',
        'files.example.org',
        '-f',
        join(local, `${kind}.pub`),
      ])
      expect(records.trim().split('\n')).toContain(sshfp)
    }
  })

  test.each(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256'])(
    'OpenSSH connects with the host key algorithm %s',
    async (algorithm) => {
      if (!program('sshpass')) return
      const file = join(local, `known-${algorithm}`)
      const more = [`-oHostKeyAlgorithms=${algorithm}`, '-oStrictHostKeyChecking=no', '-v']
      const said = await ok(sftp(`-oUserKnownHostsFile=${file}`, ...more))
      expect(said).toContain(`kex: host key algorithm: ${algorithm}`)
    },
  )

  test('OpenSSH is refused with ssh-rsa, whose signatures are SHA-1', async () => {
    if (!program('sshpass')) return
    const { code, stderr } = await sftp('-oHostKeyAlgorithms=ssh-rsa', '-oStrictHostKeyChecking=no')
    expect(code).not.toBe(0)
    expect(stderr).toContain('no matching host key type')
  })
})

describe('OpenSSH is proved all keys whatever it negotiated', () => {
  test.each(['ssh-ed25519', 'rsa-sha2-256', 'rsa-sha2-512'])('%s', async (algorithm) => {
    if (!program('sshpass')) return
    const file = join(local, `proved-${algorithm}`)
    // OpenSSH notes only keys that it would accept, so all are named, this one first.
    const all = [algorithm, 'ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256']
    const known = [`-oUserKnownHostsFile=${file}`, `-oHostKeyAlgorithms=${[...new Set(all)].join()}`]
    await ok(sftp(...known, '-oStrictHostKeyChecking=no'))
    await ok(sftp(...known, STRICT))
    const lines = (await readFile(file, 'utf8')).trim().split('\n')
    expect(lines.map((line) => line.split(' ')[1]).sort()).toEqual([
      'ecdsa-sha2-nistp256',
      'ssh-ed25519',
      'ssh-rsa',
    ])
  })
})

describe('rotation, as OpenSSH with UpdateHostKeys sees it', () => {
  test('at its second login it knows all host keys, though it saw one', async () => {
    if (!program('sshpass')) return
    await ok(sftp('-oStrictHostKeyChecking=no'))
    await ok(sftp(STRICT))
    expect(await known()).toEqual(keysOf(await list()))
  })

  test('next keys are announced and proved while the current ones stay in use', async () => {
    if (!program('sshpass')) return
    const before = await list()
    await server.cli('host-key', 'rotate')
    const announced = await list()
    expect(announced.filter(({ state }) => state === 'announced')).toHaveLength(3)
    expect(announced.filter(({ state }) => state === 'in use')).toEqual(before)
    for (const name of await readdir(server.data)) {
      if (name.endsWith('.next')) expect((await stat(join(server.data, name))).mode & 0o777).toBe(0o600)
    }
    await expect
      .poll(
        async () => {
          await ok(sftp(STRICT))
          return known()
        },
        { timeout: 20_000, interval: 1_000 },
      )
      .toEqual(keysOf(announced))
    await expect(server.cli('host-key', 'rotate')).rejects.toThrow('announced already')
  })

  test('activated, they are trusted without a question, and the old ones are forgotten', async () => {
    if (!program('sshpass')) return
    const next = (await list()).filter(({ state }) => state === 'announced')
    await server.cli('host-key', 'activate')
    expect(keysOf(await list())).toEqual(keysOf(next))
    const ed25519 = next.find(({ kind }) => kind === 'ed25519')?.fingerprint ?? ''
    await expect
      .poll(async () => ok(sftp(STRICT, '-v')), { timeout: 20_000, interval: 1_000 })
      .toContain(`Server host key: ssh-ed25519 ${ed25519}`)
    await expect
      .poll(
        async () => {
          await ok(sftp(STRICT))
          return known()
        },
        { timeout: 20_000, interval: 1_000 },
      )
      .toEqual(keysOf(next))
    await expect(server.cli('host-key', 'activate')).rejects.toThrow('rotate first')
  })

  test('one kind alone can be rotated, and dropped again', async () => {
    await server.cli('host-key', 'rotate', '--kind', 'ecdsa')
    const states = (await list()).map(({ kind, state }) => `${kind} ${state}`)
    expect(states).toEqual(['ed25519 in use', 'ecdsa in use', 'ecdsa announced', 'rsa in use'])
    expect(await server.cli('host-key', 'drop')).toEqual({ dropped: ['ecdsa'] })
    expect(await list()).toHaveLength(3)
  })
})
