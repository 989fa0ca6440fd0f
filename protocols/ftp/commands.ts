import type { Session } from '#credentials/gate.ts'
import type { Command } from './control.ts'
import { eprt, epsv, pasv, port } from './data-commands.ts'
import { replyFault } from './faults.ts'
import { avbl, cdup, cwd, dele, mdtm, mfmt, mkd, pwd, rmd, rnfr, rnto, size } from './files.ts'
import { hash, rang, X_HASHES, xHash } from './hash.ts'
import { list, mlsd, mlst, nlst, replyProgress, stat } from './listing.ts'
import { clnt, host, pass, quit, user } from './login.ts'
import { cutOff, type FtpSession, type Transfer } from './session.ts'
import { allo, feat, mode, noop, opts, site, stru, syst, type } from './settings.ts'
import { auth, pbsz, prot } from './tls.ts'
import { abor, appe, rest, retr, stor, stou } from './transfer.ts'

type Outcome = void | Promise<void>

/** What a command needs to be run: nothing, a login, or a login and the right to be aborted. */
type Entry = { readonly argument: 'needed' | 'optional' } & (
  | { readonly needs: 'nothing'; run(session: FtpSession, argument: string): Outcome }
  | { readonly needs: 'login'; run(session: FtpSession, argument: string, access: Session): Outcome }
  | {
      readonly needs: 'transfer'
      run(session: FtpSession, argument: string, access: Session, transfer: Transfer): Outcome
    }
)

const COMMANDS: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ['USER', { needs: 'nothing', argument: 'needed', run: user }],
  ['PASS', { needs: 'nothing', argument: 'optional', run: pass }],
  ['AUTH', { needs: 'nothing', argument: 'needed', run: auth }],
  ['PBSZ', { needs: 'nothing', argument: 'optional', run: pbsz }],
  ['PROT', { needs: 'nothing', argument: 'needed', run: prot }],
  ['FEAT', { needs: 'nothing', argument: 'optional', run: feat }],
  ['OPTS', { needs: 'nothing', argument: 'needed', run: opts }],
  ['HOST', { needs: 'nothing', argument: 'needed', run: host }],
  ['CLNT', { needs: 'nothing', argument: 'optional', run: clnt }],
  ['SYST', { needs: 'nothing', argument: 'optional', run: syst }],
  ['NOOP', { needs: 'nothing', argument: 'optional', run: noop }],
  ['QUIT', { needs: 'nothing', argument: 'optional', run: quit }],
  ['HELP', { needs: 'nothing', argument: 'optional', run: help }],
  ['SITE', { needs: 'nothing', argument: 'optional', run: site }],
  ['STAT', { needs: 'nothing', argument: 'optional', run: (s, a) => stat(s, a, s.access) }],
  ['TYPE', { needs: 'login', argument: 'needed', run: type }],
  ['MODE', { needs: 'login', argument: 'needed', run: mode }],
  ['STRU', { needs: 'login', argument: 'needed', run: stru }],
  ['ALLO', { needs: 'login', argument: 'optional', run: allo }],
  ['PWD', { needs: 'login', argument: 'optional', run: pwd }],
  ['CWD', { needs: 'login', argument: 'needed', run: cwd }],
  ['CDUP', { needs: 'login', argument: 'optional', run: cdup }],
  ['PASV', { needs: 'login', argument: 'optional', run: pasv }],
  ['EPSV', { needs: 'login', argument: 'optional', run: epsv }],
  ['PORT', { needs: 'login', argument: 'needed', run: port }],
  ['EPRT', { needs: 'login', argument: 'needed', run: eprt }],
  ['REST', { needs: 'login', argument: 'needed', run: rest }],
  ['RETR', { needs: 'transfer', argument: 'needed', run: retr }],
  ['STOR', { needs: 'transfer', argument: 'needed', run: stor }],
  ['STOU', { needs: 'transfer', argument: 'optional', run: stou }],
  ['APPE', { needs: 'transfer', argument: 'needed', run: appe }],
  ['LIST', { needs: 'transfer', argument: 'optional', run: list }],
  ['NLST', { needs: 'transfer', argument: 'optional', run: nlst }],
  ['MLSD', { needs: 'transfer', argument: 'optional', run: mlsd }],
  ['MLST', { needs: 'login', argument: 'optional', run: mlst }],
  ['SIZE', { needs: 'login', argument: 'needed', run: size }],
  ['MDTM', { needs: 'login', argument: 'needed', run: mdtm }],
  ['MFMT', { needs: 'login', argument: 'needed', run: mfmt }],
  ['DELE', { needs: 'login', argument: 'needed', run: dele }],
  ['MKD', { needs: 'login', argument: 'needed', run: mkd }],
  ['RMD', { needs: 'login', argument: 'needed', run: rmd }],
  ['RNFR', { needs: 'login', argument: 'needed', run: rnfr }],
  ['RNTO', { needs: 'login', argument: 'needed', run: rnto }],
  ['ABOR', { needs: 'login', argument: 'optional', run: abor }],
  ['HASH', { needs: 'transfer', argument: 'needed', run: hash }],
  ['RANG', { needs: 'login', argument: 'needed', run: rang }],
  ...X_HASHES.map((verb): [string, Entry] => [verb, { needs: 'transfer', argument: 'needed', run: xHash }]),
  ['AVBL', { needs: 'login', argument: 'optional', run: avbl }],
  ['XPWD', { needs: 'login', argument: 'optional', run: pwd }],
  ['XCWD', { needs: 'login', argument: 'needed', run: cwd }],
  ['XCUP', { needs: 'login', argument: 'optional', run: cdup }],
  ['XMKD', { needs: 'login', argument: 'needed', run: mkd }],
  ['XRMD', { needs: 'login', argument: 'needed', run: rmd }],
])

/** Runs one command and answers it, whatever happens. */
export async function runCommand(session: FtpSession, { verb, argument }: Command): Promise<void> {
  const { renameFrom } = session
  try {
    await runEntry(session, verb, argument)
  } catch (error) {
    replyFault(session, error)
  }
  // RNFR holds for the next command only.
  if (session.renameFrom === renameFrom) session.renameFrom = null
  if (session.leaving) cutOff(session, 'The server is closing')
}

async function runEntry(session: FtpSession, verb: string, argument: string): Promise<void> {
  const { access, control } = session
  const command = COMMANDS.get(verb)
  if (!command) {
    control.reply(500, 'No such command')
  } else if (command.needs === 'nothing') {
    if (lacksArgument(command, argument)) control.reply(501, `${verb} needs an argument`)
    else await command.run(session, argument)
  } else if (access === null) {
    control.reply(530, 'Log in with USER and PASS first')
  } else if (lacksArgument(command, argument)) {
    control.reply(501, `${verb} needs an argument`)
  } else if (command.needs === 'login') {
    await command.run(session, argument, access)
  } else {
    const ended = Promise.withResolvers<void>()
    const movedAt = performance.now()
    const transfer: Transfer = { stop: new AbortController(), verb, bytes: 0, movedAt, ended }
    session.transfer = transfer
    try {
      await command.run(session, argument, access, transfer)
    } finally {
      if (session.transfer === transfer) session.transfer = null
      ended.resolve()
    }
  }
}

function lacksArgument(command: Entry, argument: string): boolean {
  return command.argument === 'needed' && argument === ''
}

/**
 * Looks at a command when it arrives. While something is being transferred ABOR stops it and is answered next,
 * STAT is answered at once, and QUIT waits for nothing but the transfer.
 */
export function commandArrived(session: FtpSession, { verb }: Command): 'taken' | 'next' | 'queue' {
  const { transfer } = session
  if (transfer === null) return 'queue'
  if (verb === 'STAT') {
    replyProgress(session, transfer)
    return 'taken'
  }
  if (verb === 'ABOR') transfer.stop.abort()
  return verb === 'ABOR' || verb === 'QUIT' ? 'next' : 'queue'
}

/** HELP: the commands. */
function help(session: FtpSession): void {
  const names = [...COMMANDS.keys()]
  const lines: string[] = []
  for (let start = 0; start < names.length; start += 12) lines.push(names.slice(start, start + 12).join(' '))
  session.control.replyLines(214, 'Commands', lines, 'End')
}
