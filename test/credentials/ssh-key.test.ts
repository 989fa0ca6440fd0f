import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import ssh2 from 'ssh2'
import { describe, expect, test } from 'vitest'
import { authenticate } from '#credentials/authenticate.ts'
import type { Attempt } from '#credentials/gate.ts'
import type { Person } from '#credentials/ports.ts'
import type { Proof, SshKeySignature } from '#credentials/proof.ts'
import { isSigned, readSshKey } from '#credentials/ssh-public-key.ts'
import { readSshPublicKey } from '#identity/ssh-public-key.ts'
import { bench, NOW, person } from './accounts.ts'

const SIGNED = Buffer.from('a session and a request')

function str(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function ed25519() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const point = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  return { blob: Buffer.concat([str('ssh-ed25519'), str(point)]), privateKey }
}

/** The blob of an RSA or EC key as ssh2 writes it. */
function blobOf(privateKey: KeyObject, type: 'pkcs1' | 'sec1'): Buffer {
  const parsed = ssh2.utils.parseKey(privateKey.export({ type, format: 'pem' }))
  if (parsed instanceof Error) throw parsed
  return parsed.getPublicSSH()
}

const OWN = ed25519()
const OTHER = ed25519()

function signature(key = OWN, changes: Partial<SshKeySignature> = {}): SshKeySignature {
  const made = sign(null, SIGNED, key.privateKey)
  return { blob: key.blob, algorithm: 'ssh-ed25519', signature: made, signed: SIGNED, ...changes }
}

const proof = (login = 'ann', key = signature()): Proof => ({ kind: 'ssh_key', login, key })

/** The person `ann`, who has the key OWN. */
function ann(changes: Parameters<typeof person>[1] = {}, keys = [OWN.blob]): Person {
  const sshKeys = keys.map((blob, at) => ({ id: `ssh${at}`, name: `key ${at}`, blob }))
  return { ...person(null, changes), sshKeys }
}

async function attempt(given: Proof, people: readonly Person[] = [ann()], more: Partial<Attempt> = {}) {
  const { deps, steps } = bench([], people)
  const at = { door: 'sftp', address: '10.0.0.7', siteId: null, client: '' } as const
  const verdict = await authenticate(deps, { ...at, proof: given, ...more })
  return { verdict, steps, outcome: verdict.ok ? verdict.who.user?.id : verdict.reason }
}

describe('D7: a user’s SSH key', () => {
  test('logs the user in with what user and groups were granted, and without a key', async () => {
    const { verdict } = await attempt(proof())
    expect(verdict).toMatchObject({
      ok: true,
      proven: { by: 'ssh_key', key: { id: 'ssh0' } },
      principal: { kind: 'person', user: { id: 'u1' }, key: null, role: 'member', grants: [] },
    })
  })

  const allowsNone = { settings: { ...person(null).site.settings, sshKeyLogin: false } }
  const noPasswords = { settings: { ...person(null).site.settings, passwordLogin: false } }
  test.each<[string, Proof, readonly Person[], Partial<Attempt>, string]>([
    ['one of several', proof(), [ann({}, [OTHER.blob, OWN.blob])], {}, 'u1'],
    ['where passwords are not allowed', proof(), [ann({ site: noPasswords })], {}, 'u1'],
    ['of a person with a second factor', proof(), [{ ...ann(), hasSecondFactor: true }], {}, 'u1'],
    ['at the site’s own address', proof(), [ann()], { siteId: 's1' }, 'u1'],
    ['at another site’s address', proof(), [ann()], { siteId: 's2' }, 'unknown'],
    ['that nobody has', proof('ann', signature(OTHER)), [ann()], {}, 'wrong_value'],
    [
      'under another’s name',
      proof('bob'),
      [ann(), ann({ user: { id: 'u2', name: 'bob' } }, [])],
      {},
      'wrong_value',
    ],
    ['under a name that nobody has', proof('eve'), [ann()], {}, 'unknown'],
    ['of a person without keys', proof(), [person('x')], {}, 'wrong_value'],
    [
      'with a signature of something else',
      proof('ann', signature(OWN, { signed: Buffer.from('x') })),
      [ann()],
      {},
      'wrong_value',
    ],
    [
      'with a signature by another key',
      proof('ann', signature(OTHER, { blob: OWN.blob })),
      [ann()],
      {},
      'wrong_value',
    ],
    [
      'with an empty signature',
      proof('ann', signature(OWN, { signature: Buffer.alloc(0) })),
      [ann()],
      {},
      'wrong_value',
    ],
    [
      'with an algorithm of another kind',
      proof('ann', signature(OWN, { algorithm: 'rsa-sha2-512' })),
      [ann()],
      {},
      'wrong_value',
    ],
    ['where the site allows none', proof(), [ann({ site: allowsNone })], {}, 'no_ssh_keys'],
    ['U6: of a disabled user', proof(), [ann({ user: { enabled: false } })], {}, 'user_disabled'],
    ['of an expired user', proof(), [ann({ user: { expiresAt: NOW } })], {}, 'user_expired'],
    ['of a disabled site', proof(), [ann({ site: { enabled: false } })], {}, 'site_disabled'],
    [
      'K11: from an address that is denied',
      proof(),
      [ann({ user: { conditions: { deny: ['10.0.0.0/8'] } } })],
      {},
      'address',
    ],
    [
      'K11: of a user not for this door',
      proof(),
      [ann({ user: { conditions: { doors: ['ftp'] } } })],
      {},
      'door',
    ],
    ['with a login without end', proof('x'.repeat(10_000)), [ann()], {}, 'mistyped'],
  ])('%s', async (_, given, people, more, outcome) => {
    expect((await attempt(given, people, more)).outcome).toBe(outcome)
  })

  test('where no site is known, the key decides between users of the same name', async () => {
    const there = ann({ site: { id: 's2' }, user: { id: 'u2' } }, [OTHER.blob])
    expect((await attempt(proof('ann', signature(OTHER)), [ann(), there])).outcome).toBe('u2')
    expect((await attempt(proof(), [ann(), there])).outcome).toBe('u1')
  })

  test('R2: a refusal takes the same look-ups, whoever is meant', async () => {
    const causes: [Proof, readonly Person[]][] = [
      [proof('eve'), [ann()]],
      [proof('ann', signature(OTHER)), [ann()]],
      [proof('ann', signature(OWN, { signature: Buffer.alloc(64) })), [ann()]],
      [proof(), [ann({ user: { enabled: false } })]],
      [proof(), [person(null)]],
    ]
    const costs = await Promise.all(
      causes.map(async ([given, people]) => (await attempt(given, people)).steps),
    )
    for (const cost of costs) expect(cost).toEqual(costs[0])
  })
})

describe('SSH signatures', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const curves = ['P-256', 'P-384', 'P-521'].map(
    (namedCurve) => generateKeyPairSync('ec', { namedCurve }).privateKey,
  )

  test('of RSA over SHA-2 and of every curve are right; over SHA-1 they are not taken', () => {
    const blob = blobOf(rsa, 'pkcs1')
    for (const [algorithm, hash] of [
      ['rsa-sha2-256', 'sha256'],
      ['rsa-sha2-512', 'sha512'],
    ] as const) {
      const made = { blob, algorithm, signature: sign(hash, SIGNED, rsa), signed: SIGNED }
      expect(isSigned(made), algorithm).toBe(true)
      expect(isSigned({ ...made, signed: Buffer.from('x') })).toBe(false)
    }
    expect(
      isSigned({ blob, algorithm: 'ssh-rsa', signature: sign('sha1', SIGNED, rsa), signed: SIGNED }),
    ).toBe(false)
    for (const [at, key] of curves.entries()) {
      const curve = blobOf(key, 'sec1')
      const algorithm = readSshKey(curve)?.type ?? ''
      const hash = ['sha256', 'sha384', 'sha512'][at] ?? ''
      expect(isSigned({ blob: curve, algorithm, signature: sign(hash, SIGNED, key), signed: SIGNED })).toBe(
        true,
      )
    }
  })

  test('no blob throws, whatever bytes it has', () => {
    const whole = [OWN.blob, blobOf(rsa, 'pkcs1'), ...curves.map((key) => blobOf(key, 'sec1'))]
    for (const blob of whole) {
      for (let at = 0; at < blob.length; at += 3) {
        const bent = Buffer.from(blob)
        bent[at] = (bent[at] ?? 0) ^ 0xff
        for (const bad of [bent, blob.subarray(0, at), Buffer.concat([blob, str('more')])]) {
          expect(isSigned(signature(OWN, { blob: bad, algorithm: 'ssh-ed25519' }))).toBe(false)
          expect(() => readSshKey(bad)).not.toThrow()
        }
      }
    }
  })
})

describe('the line of a public key file', () => {
  const line = `ssh-ed25519 ${OWN.blob.toString('base64')}`
  const rsa1024 = blobOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey, 'pkcs1').toString(
    'base64',
  )
  const dsa = Buffer.concat([str('ssh-dss'), str('p'), str('q'), str('g'), str('y')]).toString('base64')

  test('is read with its comment; spaces and a line end do no harm', () => {
    expect(readSshPublicKey(`  ${line}  ann@laptop of Ann\r\n`)).toMatchObject({
      type: 'ssh-ed25519',
      blob: OWN.blob,
      comment: 'ann@laptop of Ann',
      fingerprint: expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/),
    })
  })

  test.each([
    ['nothing', '', 'looks like'],
    ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nx', 'private key'],
    ['two lines', `${line}\n${line}`, 'one line'],
    ['options before the key', `no-pty ${line}`, 'looks like'],
    ['no base64', 'ssh-ed25519 !!!!', 'looks like'],
    ['another type in front', line.replace('ssh-ed25519', 'ssh-rsa'), 'damaged'],
    ['a key that was cut', line.slice(0, -8), 'damaged'],
    ['DSA', `ssh-dss ${dsa}`, 'too weak'],
    ['RSA of 1024 bits', `ssh-rsa ${rsa1024}`, '1024 bits'],
    ['a certificate', line.replace('ssh-ed25519', 'ssh-ed25519-cert-v01@openssh.com'), 'not '],
    ['text without end', `${line} ${'x'.repeat(20_000)}`, 'one line'],
  ])('is refused when it is %s', (_, text, words) => {
    expect(() => readSshPublicKey(text)).toThrow(words)
    try {
      readSshPublicKey(text)
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid' })
    }
  })
})
