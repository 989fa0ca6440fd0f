import type { Files } from '#files/types.ts'
import type { Actor } from '#identity/actor.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import type { SiteDetails } from '#identity/ports.ts'
import type { Output } from './output.ts'

/** What the command line does with master keys. Faults: invalid, not_found. */
export type MasterKeyOffice = {
  /** The current one first; `seals`: how many secrets are sealed under it. */
  list(): Promise<readonly { readonly id: string; readonly current: boolean; readonly seals: number }[]>
  rotate(): Promise<{ readonly id: string; readonly resealed: number }>
  forget(id: string): Promise<void>
}

export const HOST_KEY_KINDS = ['ed25519', 'ecdsa', 'rsa'] as const
export type HostKeyKind = (typeof HOST_KEY_KINDS)[number]

/** An SSH host key in use, or (`next`) announced to take its place. `sshfp`: the record for DNS. */
export type ShownHostKey = {
  readonly kind: HostKeyKind
  readonly which: 'current' | 'next'
  readonly fingerprint: string
  readonly publicKey: string
  readonly sshfp: string | null
}

/** What the command line does with SSH host keys; kind null: all. Faults: exists, not_found. */
export type HostKeyOffice = {
  list(host: string): Promise<readonly ShownHostKey[]>
  /** Makes keys that are announced. */
  rotate(kind: HostKeyKind | null): Promise<readonly ShownHostKey[]>
  /** Puts the announced ones into use. */
  activate(kind: HostKeyKind | null): Promise<readonly ShownHostKey[]>
  drop(kind: HostKeyKind | null): Promise<readonly HostKeyKind[]>
}

/** What commands do with files. */
export type TrashFiles = Pick<Files, 'purge' | 'trash'>

/** An open data folder, or a server: what commands act on. */
export type Backstage = AsyncDisposable & {
  readonly identity: IdentityDeps
  /** The whole tree of a site, beside a server that may be running on it. */
  files(site: { readonly id: string; readonly name: string }): TrashFiles
  readonly masterKeys: MasterKeyOffice
  readonly hostKeys: HostKeyOffice
  readonly dataDir: string
  /** Copies the database. Fault: exists. */
  backup(file: string): Promise<void>
}

/** What the command line touches of the world. `columns`: the terminal's width. */
export type CliIo = {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  readonly columns: number
  /** A secret from standard input. */
  stdin(): Promise<string>
  openBackstage(dataDir: string): Promise<Backstage>
  /** A key's value for `--url`, or `name:password`. */
  readonly remoteKey?: string | undefined
  serve(argv: string[]): Promise<number>
}

export type OptionSpec = {
  readonly type: 'string' | 'boolean'
  /** What stands for the value in help, such as `NAME`. */
  readonly value?: string
  readonly help: string
  readonly required?: boolean
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>

export type ArgumentSpec = { readonly name: string; readonly help: string }

/** What was typed, checked against the command's own lists. */
export type Typed = {
  readonly args: readonly string[]
  /** The value of an option; undefined when it was not given. */
  text(name: string): string | undefined
  flag(name: string): boolean
}

export type CommandContext = Typed & {
  readonly identity: IdentityDeps
  readonly masterKeys: MasterKeyOffice
  readonly hostKeys: HostKeyOffice
  /** Copies the database. Fault: exists. */
  backup(file: string): Promise<void>
  /** The data folder of this machine; null with `--url`. */
  readonly local: { readonly dataDir: string } | null
  readonly actor: Actor
  readonly out: Output
  /** A secret from standard input. */
  stdin(): Promise<string>
  /** The site of `--site`, else the first. */
  site(): Promise<SiteDetails>
  /** The whole tree of that site. */
  files(): Promise<TrashFiles>
}

/** One command. `arguments` are all required, in their order. */
export type Command = {
  /** Topic and verb, such as `key create`. */
  readonly path: string
  readonly summary: string
  readonly details?: string
  readonly arguments: readonly ArgumentSpec[]
  readonly options: OptionSpecs
  readonly examples: readonly string[]
  run(context: CommandContext): Promise<void>
}

/** Options that every command takes. */
export const COMMON_OPTIONS: OptionSpecs = {
  data: { type: 'string', value: 'DIR', help: 'data folder (default: $LATCHKEY_DATA, else ./data)' },
  url: { type: 'string', value: 'URL', help: 'work on a server’s REST door, with the key in $LATCHKEY_KEY' },
  site: { type: 'string', value: 'NAME', help: 'site to work on (default: the first one)' },
  json: { type: 'boolean', help: 'print JSON, for scripts' },
  help: { type: 'boolean', help: 'explain this command' },
}
