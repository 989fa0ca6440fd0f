import type { HostKeyOffice, ShownHostKey } from '#cli/command.ts'
import { Fault } from '#faults'
import { HOST_KEY_KINDS, type HostKeyKind, readHostKey, sshfpRecord } from '#protocols/sftp/host-key.ts'
import { activateNextHostKey, dropNextHostKey, prepareNextHostKey, readHostKeyFile } from './host-key.ts'

/** The host keys that lie in the data folder, for the command line. A running server follows the files. */
export function hostKeyOffice(dataDir: string): HostKeyOffice {
  async function find(kind: HostKeyKind, which: 'current' | 'next', host: string): Promise<ShownHostKey[]> {
    const pem = await readHostKeyFile(dataDir, kind, which)
    if (pem === null) return []
    const key = readHostKey(pem)
    const publicKey = `${key.type} ${key.blob.toString('base64')}`
    return [{ kind, which, fingerprint: key.fingerprint, publicKey, sshfp: sshfpRecord(host, key) }]
  }

  async function announced(kind: HostKeyKind | null): Promise<HostKeyKind[]> {
    const kinds: HostKeyKind[] = []
    for (const one of kindsOf(kind)) {
      if ((await readHostKeyFile(dataDir, one, 'next')) !== null) kinds.push(one)
    }
    return kinds
  }

  async function list(host: string): Promise<readonly ShownHostKey[]> {
    const found: ShownHostKey[] = []
    for (const kind of HOST_KEY_KINDS) {
      found.push(...(await find(kind, 'current', host)), ...(await find(kind, 'next', host)))
    }
    return found
  }

  return {
    list,
    async rotate(kind) {
      const there = await announced(kind)
      if (there.length > 0) {
        throw new Fault(
          'exists',
          `a next ${there.join(' and ')} key is announced already: activate or drop it`,
        )
      }
      for (const one of kindsOf(kind)) await prepareNextHostKey(dataDir, one)
      return (await list('')).filter(({ which }) => which === 'next')
    },
    async activate(kind) {
      const there = await announced(kind)
      if (there.length === 0) throw new Fault('not_found', 'no next host key is announced: rotate first')
      for (const one of there) await activateNextHostKey(dataDir, one)
      return (await list('')).filter((key) => key.which === 'current' && there.includes(key.kind))
    },
    async drop(kind) {
      const there = await announced(kind)
      if (there.length === 0) throw new Fault('not_found', 'no next host key is announced')
      for (const one of there) await dropNextHostKey(dataDir, one)
      return there
    },
  }
}

function kindsOf(kind: HostKeyKind | null): readonly HostKeyKind[] {
  return kind === null ? HOST_KEY_KINDS : [kind]
}
