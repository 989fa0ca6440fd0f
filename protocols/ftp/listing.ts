import type { Session } from '#credentials/gate.ts'
import type { Entry, EntryRights } from '#files/types.ts'
import { baseName, type VirtualPath } from '#permissions/path.ts'
import { oneLine } from './control.ts'
import { FACTS, factLine, listLine } from './listing-format.ts'
import { writeTo } from './pumps.ts'
import { existingPath, type FtpSession, type Transfer } from './session.ts'
import { exchange } from './transfer.ts'

const BATCH_CHARACTERS = 64 * 1024

type LineOf = (entry: Entry) => string
/** The lines of a page of entries. */
type LinesOf = (page: readonly Entry[]) => readonly string[] | Promise<readonly string[]>
type Pages = AsyncIterable<readonly Entry[]>
/** Sends a batch of lines; false when the connection is lost. */
type Send = (text: string) => Promise<boolean>

/** LIST: a folder's members, or one file, as `ls -l` shows them. */
export async function list(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
): Promise<void> {
  await sendListing(session, withoutOptions(argument), access, transfer, longLine(session))
}

/** NLST: names only. */
export async function nlst(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
): Promise<void> {
  await sendListing(session, withoutOptions(argument), access, transfer, (entry) => oneLine(entry.name))
}

/** MLSD (RFC 3659 §7): a folder's members with facts. */
export async function mlsd(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
): Promise<void> {
  const { entry, path } = await look(session, argument, access)
  if (entry.kind !== 'folder') {
    session.control.reply(501, 'That is not a folder')
    return
  }
  const pages = await started(access.files.listAll(path))
  const { facts } = session
  const lines: LinesOf = async (page) => {
    const rights = await rightsOf(session, access, page)
    return page.map((member, at) => factLine(member, facts, member.name, rights[at]))
  }
  await exchange(session, transfer, ({ socket }) =>
    sendLines(pages, lines, (text) => writeTo(socket, Buffer.from(text))),
  )
}

/** What the `perm` fact tells, where the client wants to know it. */
async function rightsOf(
  { facts }: FtpSession,
  access: Session,
  entries: readonly Entry[],
): Promise<readonly EntryRights[]> {
  return facts.has('perm') ? await access.files.rights(entries) : []
}

/** MLST: facts of one entry, on the control connection. */
export async function mlst(session: FtpSession, argument: string, access: Session): Promise<void> {
  const { entry, path } = await look(session, argument, access)
  const [rights] = await rightsOf(session, access, [entry])
  session.control.replyLines(250, 'Facts', [factLine(entry, session.facts, path, rights)], 'End')
}

/** STAT: the session's state, or with a path a listing on the control connection. */
export async function stat(session: FtpSession, argument: string, access: Session | null): Promise<void> {
  const { control } = session
  const text = withoutOptions(argument)
  if (argument === '') {
    control.replyLines(211, 'Latchkey FTP', statusLines(session), 'End')
  } else if (access === null) {
    control.reply(530, 'Log in with USER and PASS first')
  } else {
    const { entry, path } = await look(session, text, access)
    const pages = entry.kind === 'folder' ? await started(access.files.listAll(path)) : single(entry)
    const long = longLine(session)
    await control.send('213-Listing\r\n')
    if (
      await sendLines(
        pages,
        (page) => page.map((member) => ` ${long(member)}`),
        (batch) => control.send(batch),
      )
    ) {
      control.reply(213, 'End')
    }
  }
}

/** STAT while something moves: how far it is. */
export function replyProgress(session: FtpSession, transfer: Transfer): void {
  session.control.reply(213, `${transfer.verb}: ${transfer.bytes} bytes so far`)
}

/** OPTS MLST: the facts that the client wants from here on (RFC 3659 §7.9). */
export function chooseFacts(session: FtpSession, argument: string): void {
  const wanted = argument.toLowerCase().split(';')
  session.facts = new Set(FACTS.filter((fact) => wanted.includes(fact)))
  const chosen = [...session.facts].map((fact) => `${fact};`).join('')
  session.control.reply(200, `MLST OPTS ${chosen}`)
}

async function sendListing(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
  line: LineOf,
): Promise<void> {
  const { entry, path } = await look(session, argument, access)
  const pages = entry.kind === 'folder' ? await started(access.files.listAll(path)) : single(entry)
  await exchange(session, transfer, ({ socket }) =>
    sendLines(
      pages,
      (page) => page.map(line),
      (text) => writeTo(socket, Buffer.from(text)),
    ),
  )
}

async function look(
  session: FtpSession,
  argument: string,
  access: Session,
): Promise<{ entry: Entry; path: VirtualPath }> {
  const path = existingPath(session, argument)
  return { entry: await access.files.stat(path), path }
}

function longLine(session: FtpSession): LineOf {
  const now = session.context.now()
  return (entry) => listLine(entry, now)
}

async function sendLines(pages: Pages, linesOf: LinesOf, send: Send): Promise<boolean> {
  let text = ''
  for await (const page of pages) {
    for (const line of await linesOf(page)) {
      text += `${line}\r\n`
      if (text.length < BATCH_CHARACTERS) continue
      if (!(await send(text))) return false
      text = ''
    }
  }
  return text === '' || (await send(text))
}

/** The same pages, the first of which has been read: a folder that may not be listed shows before the 150. */
async function started(pages: Pages): Promise<Pages> {
  const iterator = pages[Symbol.asyncIterator]()
  const first = await iterator.next()
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for (let step = first; !step.done; step = await iterator.next()) yield step.value
      } finally {
        await iterator.return?.()
      }
    },
  }
}

async function* single(entry: Entry): Pages {
  yield [entry]
}

/** `-a`, `-l` and the like in front of the path mean nothing here. */
function withoutOptions(argument: string): string {
  return argument.replace(/^(?:-[A-Za-z1]+(?: +|$))+/, '')
}

function statusLines(session: FtpSession): string[] {
  const { access, control, folder, privateData, type } = session
  return [
    access
      ? `Logged in as ${access.principal.user?.name ?? access.principal.key?.name ?? 'guest'}`
      : 'Not logged in',
    `Folder ${folder === '/' ? '/' : baseName(folder)}, type ${type}`,
    `Control ${control.secure ? 'over TLS' : 'in the clear'}, data ${privateData ? 'over TLS' : 'in the clear'}`,
  ]
}
