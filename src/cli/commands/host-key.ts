import { hostname } from 'node:os'
import { Fault } from '#faults'
import {
  type Command,
  type CommandContext,
  HOST_KEY_KINDS,
  type HostKeyKind,
  type ShownHostKey,
} from '../command.ts'

const KIND = {
  kind: { type: 'string', value: 'KIND', help: 'ed25519, ecdsa or rsa (default: all)' },
} as const

const list: Command = {
  path: 'host-key list',
  summary: 'list the SSH host keys with fingerprints and SSHFP records',
  details: `The fingerprint is what clients show at their first visit. An SSHFP record in a signed DNS zone lets
them check it by themselves (ssh -o VerifyHostKeyDNS=yes).`,
  arguments: [],
  options: {
    host: { type: 'string', value: 'NAME', help: 'the name in SSHFP records (default: this machine’s)' },
  },
  examples: ['latchkey host-key list', 'latchkey host-key list --host files.example.org --json'],
  async run({ hostKeys, text, out }) {
    const keys = await hostKeys.list(text('host') ?? hostname())
    out.list({
      values: keys.map(hostKeyJson),
      columns: [
        { title: 'KIND', whole: true },
        { title: 'STATE', whole: true },
        { title: 'FINGERPRINT', whole: true },
        { title: 'SSHFP', whole: true },
      ],
      rows: keys.map((key) => [key.kind, stateOf(key), key.fingerprint, key.sshfp ?? '-']),
      empty: 'There is no host key yet: the first start of the server makes them.',
    })
  },
}

const rotate: Command = {
  path: 'host-key rotate',
  summary: 'make next host keys and announce them to clients that log in',
  details: `Nothing changes for clients yet: those that follow (OpenSSH with UpdateHostKeys) note the next key
beside the current one when they log in. When enough of them did, 'host-key activate' puts it into use. A
running server follows within seconds.`,
  arguments: [],
  options: KIND,
  examples: ['latchkey host-key rotate', 'latchkey host-key rotate --kind ed25519'],
  async run(context) {
    const keys = await context.hostKeys.rotate(readKind(context))
    const shown = keys.map(({ kind, fingerprint }) => `  ${kind} ${fingerprint}`).join('\n')
    const next = "Next: when your clients have logged in once, 'latchkey host-key activate'"
    context.out.result({ next: keys.map(hostKeyJson) }, `Announced from now on:\n${shown}\n${next}`)
  },
}

const activate: Command = {
  path: 'host-key activate',
  summary: 'put the announced host keys into use; the old ones are gone for good',
  details: `Clients that did not log in since 'host-key rotate' will warn of a changed key. Connections that run
go on.`,
  arguments: [],
  options: KIND,
  examples: ['latchkey host-key activate'],
  async run(context) {
    const keys = await context.hostKeys.activate(readKind(context))
    const shown = keys.map(({ kind, fingerprint }) => `  ${kind} ${fingerprint}`).join('\n')
    context.out.result({ current: keys.map(hostKeyJson) }, `In use from now on:\n${shown}`)
  },
}

const drop: Command = {
  path: 'host-key drop',
  summary: 'drop the announced host keys; the current ones stay',
  arguments: [],
  options: KIND,
  examples: ['latchkey host-key drop'],
  async run(context) {
    const kinds = await context.hostKeys.drop(readKind(context))
    context.out.result({ dropped: kinds }, `No longer announced: ${kinds.join(', ')}`)
  },
}

function readKind({ text }: CommandContext): HostKeyKind | null {
  const given = text('kind')
  if (given === undefined) return null
  const kind = HOST_KEY_KINDS.find((one) => one === given)
  if (kind === undefined) throw new Fault('invalid', `--kind is ed25519, ecdsa or rsa, not '${given}'`)
  return kind
}

function hostKeyJson({ kind, which, fingerprint, publicKey, sshfp }: ShownHostKey) {
  return { kind, state: stateOf({ which }), fingerprint, public_key: publicKey, sshfp }
}

function stateOf({ which }: Pick<ShownHostKey, 'which'>): string {
  return which === 'current' ? 'in use' : 'announced'
}

export const HOST_KEY_COMMANDS: readonly Command[] = [list, rotate, activate, drop]
