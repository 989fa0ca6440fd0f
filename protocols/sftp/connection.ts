import type { Socket } from 'node:net'
import type { ClientInfo, Connection, ServerChannel, Session as SshSession } from 'ssh2'
import type { Gate, Session } from '#credentials/gate.ts'
import type { Principal } from '#permissions/principal.ts'
import type { DoorLog } from '../protocol.ts'
import { authenticateClient } from './auth.ts'
import { exchangesKeys } from './exchange.ts'
import { createOutput, type Output } from './output.ts'
import { reusePackets } from './packet-stock.ts'
import { SftpSession } from './session.ts'
import { queuedPackets } from './ssh-internals.ts'
import { joinWritesOf } from './turns.ts'

const MAX_SESSIONS = 10
/** Between DISCONNECT and the end of the socket. */
const CUT_MS = 250
/** Answers to SSH's own requests, which ssh2 writes whether the client reads or not. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024
/** The same while keys are exchanged: packets of which ssh2 keeps a list. */
const MAX_QUEUED_PACKETS = 10_000
const REKEY_MS = 3600 * 1000
/** An exchange that takes longer is given up. */
const MAX_EXCHANGE_MS = 60_000
/** Key exchanges before the login. Each costs what a login costs. */
const MAX_EARLY_EXCHANGES = 3
/** What a connection counts that does not log in within its time, and one whose bytes are no SSH. */
const LATE = 2
const GARBLED = 1

export type ConnectionOptions = {
  /** The client's, which is not the peer's behind a proxy. */
  readonly address: string
  readonly gate: Gate
  readonly log: DoorLog
  readonly siteId: string | null
  readonly loginGraceMs: number
  readonly rekeyBytes: number
  readonly onAuthenticated: () => void
  /** Called once, when nothing of the connection is left. */
  readonly onClosed: () => void
}

type Running = { readonly sftp: SftpSession; readonly output: Output }

/** One TCP connection from accept to the last staged file dropped. */
export class SshConnection {
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #address: string
  readonly #grace: NodeJS.Timeout
  readonly #running = new Set<Running>()
  #client: Connection | null = null
  #session: Session | null = null
  #sshSessions = 0
  #ended = false
  #keyedAt = performance.now()
  #keyedBytes = 0
  #exchanges = 0
  #exchangingSince: number | null = null

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    this.#address = options.address
    this.#grace = setTimeout(() => {
      options.gate.offended(this.#address, LATE)
      socket.destroy()
    }, options.loginGraceMs)
    socket.setNoDelay(true)
    socket.on('error', (err) => options.log.debug({ err: err.message }, 'sftp: socket failed'))
    // From here ssh2 throws on every send.
    socket.on('end', () => this.#end())
    socket.on('close', () => void this.#close())
    socket.on('drain', () => this.#check())
  }

  /** Looks at what came in, after ssh2 did. To be called when ssh2 has the socket. */
  watch(): void {
    this.#socket.on('data', () => {
      const flooded = [...this.#running].some(({ sftp }) => sftp.flooded)
      if (flooded || this.#floodsAnswers()) this.#socket.destroy()
    })
  }

  /** Answers that ssh2 holds for a client that asks and does not read. */
  #floodsAnswers(): boolean {
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) return true
    return this.#client !== null && queuedPackets(this.#client) > MAX_QUEUED_PACKETS
  }

  /** ssh2 read the client's identification. */
  greet(client: Connection, info: ClientInfo): void {
    const { gate, log, siteId } = this.#options
    const software = info.header.versions.software.slice(0, 200)
    this.#client = client
    joinWritesOf(client, this.#socket)
    // Without a listener one malformed packet would end the process.
    client.on('error', (err: Error) => {
      const level = 'level' in err ? err.level : undefined
      if (this.#session === null && level !== 'socket') gate.offended(this.#address, GARBLED)
      log.debug({ err: err.message, address: this.#address }, 'sftp: client failed')
      // ssh2 says good-bye to it and waits for the answer of somebody who does not answer.
      if (level === 'client-timeout') this.destroy()
    })
    client.on('rekey', () => {
      this.#exchanges += 1
      if (this.#session === null && this.#exchanges > MAX_EARLY_EXCHANGES) this.cut('too many key exchanges')
      this.#countFromHere()
      this.#check()
    })
    client.on('handshake', () => reusePackets(client, this.#socket))
    client.on('session', (accept, reject) => {
      if (this.#sshSessions >= MAX_SESSIONS) return reject()
      this.#serve(accept(), client)
    })
    authenticateClient(client, {
      gate,
      log,
      siteId,
      address: this.#address,
      client: software,
      gone: () => this.#ended,
      end: () => this.cut('authentication ended'),
      admit: (principal) => this.#admit(principal, software),
    })
  }

  #admit(principal: Principal, software: string): void {
    clearTimeout(this.#grace)
    const session = this.#options.gate.open(principal, {
      door: 'sftp',
      address: this.#address,
      client: software,
    })
    this.#session = session
    this.#options.onAuthenticated()
    if (session.signal.aborted) this.cut('revoked')
    else session.signal.addEventListener('abort', () => this.cut('revoked'), { once: true })
  }

  #serve(session: SshSession, client: Connection): void {
    this.#sshSessions += 1
    let running: Running | null = null
    session.on('subsystem', (accept, reject, { name }) => {
      // ssh2 gives no `reject` when the client wants no answer.
      if (name !== 'sftp' || this.#session === null || this.#ended) return reject?.()
      running = this.#start(accept(), client, this.#session)
    })
    session.on('close', () => {
      this.#sshSessions -= 1
      if (running) this.#stop(running)
    })
  }

  #start(channel: ServerChannel, client: Connection, { files, principal }: Session): Running {
    const { log } = this.#options
    const output = createOutput(channel, this.#socket, () => exchangesKeys(client))
    const cut = (reason: string) => this.cut(reason)
    const home = principal.user?.home
    const running = { output, sftp: new SftpSession({ channel, output, files, home, log, cut }) }
    const failed = (err: Error) => {
      log.debug({ err: err.message }, 'sftp: channel failed')
      this.#stop(running)
    }
    channel.on('error', failed)
    channel.stderr.on('error', failed)
    this.#running.add(running)
    return running
  }

  #stop(running: Running): void {
    void running.sftp.abandon().then(() => this.#running.delete(running))
  }

  /** True when no transfer or request is under way. */
  get idle(): boolean {
    return [...this.#running].every(({ sftp }) => sftp.idle)
  }

  /** Begins a key exchange when the keys are old or much used, and gives one up that does not end. */
  rekeyWhenDue(): void {
    this.#cutStalledExchange()
    const bytes = this.#bytes() - this.#keyedBytes
    const due = bytes >= this.#options.rekeyBytes || performance.now() - this.#keyedAt >= REKEY_MS
    if (!due || this.#ended || this.#session === null || this.#client === null) return
    this.#countFromHere()
    this.#client.rekey()
  }

  // Until it ends, nothing else is sent: what there is to say would pile up.
  #cutStalledExchange(): void {
    if (this.#client === null || this.#session === null || !exchangesKeys(this.#client)) {
      this.#exchangingSince = null
      return
    }
    this.#exchangingSince ??= performance.now()
    if (performance.now() - this.#exchangingSince >= MAX_EXCHANGE_MS) this.cut('key exchange stalled')
  }

  #bytes(): number {
    return this.#socket.bytesRead + this.#socket.bytesWritten
  }

  #countFromHere(): void {
    this.#keyedAt = performance.now()
    this.#keyedBytes = this.#bytes()
  }

  #check(): void {
    for (const { output } of this.#running) output.check()
  }

  /** Drops what is staged, says DISCONNECT and ends the socket. */
  cut(reason: string): void {
    if (this.#ended) return
    this.#options.log.debug({ reason, address: this.#address }, 'sftp: connection cut')
    this.#end()
    if (this.#client === null) this.#socket.destroy()
    else this.#client.end()
    setTimeout(() => this.#socket.destroy(), CUT_MS).unref()
  }

  /** Ends the socket at once. */
  destroy(): void {
    this.#socket.destroy()
  }

  #end(): void {
    this.#ended = true
    for (const { sftp } of this.#running) void sftp.abandon()
  }

  async #close(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#grace)
    await Promise.all([...this.#running].map(({ sftp }) => sftp.abandon()))
    this.#session?.[Symbol.dispose]()
    this.#options.onClosed()
  }
}
