import { chooseHash, hashFeature, X_HASHES } from './hash.ts'
import { chooseFacts } from './listing.ts'
import { FACTS } from './listing-format.ts'
import type { FtpSession } from './session.ts'

/** SYST. */
export function syst(session: FtpSession): void {
  session.control.reply(215, 'UNIX Type: L8')
}

/** NOOP. */
export function noop(session: FtpSession): void {
  session.control.reply(200, 'Still here')
}

/** TYPE: A for text with line ends changed, I for bytes as they are. */
export function type(session: FtpSession, argument: string): void {
  const wanted = argument.trim().toUpperCase()
  if (wanted === 'A' || wanted === 'A N') session.type = 'ascii'
  else if (wanted === 'I' || wanted === 'L 8') session.type = 'binary'
  else {
    session.control.reply(504, 'Only TYPE A and TYPE I are known')
    return
  }
  session.control.reply(200, `Type is ${session.type}`)
}

/** MODE: stream only. */
export function mode(session: FtpSession, argument: string): void {
  onlyOne(session, argument, 'S', 'MODE S')
}

/** STRU: file only. */
export function stru(session: FtpSession, argument: string): void {
  onlyOne(session, argument, 'F', 'STRU F')
}

function onlyOne(session: FtpSession, argument: string, known: string, name: string): void {
  if (argument.trim().toUpperCase() === known) session.control.reply(200, name)
  else session.control.reply(504, `Only ${name} is known`)
}

/** ALLO (RFC 959 §4.1.3): nothing has to be allocated, but it tells how much is to come. */
export function allo(session: FtpSession, argument: string): void {
  const [, bytes] = /^ *(\d{1,15})(?: +R +\d+)? *$/i.exec(argument) ?? []
  session.announced = bytes === undefined ? null : Number(bytes)
  session.control.reply(202, 'Not needed')
}

/** SITE: nothing of it is offered, EXEC and CHMOD least of all. */
export function site(session: FtpSession): void {
  session.control.reply(502, 'SITE is not offered')
}

/** FEAT (RFC 2389): what is here beyond RFC 959. */
export function feat(session: FtpSession): void {
  const { allowActive, tls } = session.context.settings
  const facts = FACTS.map((fact) => `${fact}${session.facts.has(fact) ? '*' : ''};`).join('')
  const features = [
    ...(tls ? ['AUTH TLS', 'PBSZ', 'PROT'] : []),
    'UTF8',
    'HOST',
    'CLNT',
    'EPSV',
    'PASV',
    ...(allowActive ? ['EPRT'] : []),
    'REST STREAM',
    'RANG STREAM',
    'SIZE',
    'MDTM',
    'MFMT',
    `MLST ${facts}`,
    'TVFS',
    hashFeature(session),
    ...X_HASHES,
    'AVBL',
  ]
  session.control.replyLines(211, 'Features', features, 'End')
}

const OPTIONS: ReadonlyMap<string, (session: FtpSession, argument: string) => void> = new Map([
  ['UTF8', utf8],
  ['MLST', chooseFacts],
  ['HASH', chooseHash],
])

/** OPTS: UTF8, MLST and HASH. */
export function opts(session: FtpSession, argument: string): void {
  const space = argument.indexOf(' ')
  const name = (space === -1 ? argument : argument.slice(0, space)).toUpperCase()
  const option = OPTIONS.get(name)
  if (option) option(session, space === -1 ? '' : argument.slice(space + 1))
  else session.control.reply(501, 'No such option')
}

function utf8(session: FtpSession, argument: string): void {
  if (argument.trim().toUpperCase() === 'OFF') session.control.reply(504, 'Names are always UTF-8')
  else session.control.reply(200, 'Names are UTF-8')
}
