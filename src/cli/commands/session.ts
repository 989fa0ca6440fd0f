import type { LiveSession } from '#audit/ports.ts'
import { type LiveSessionPlace, liveSessionJson } from '#identity/live-sessions.ts'
import type { Command, CommandContext } from '../command.ts'
import { endLiveSession, listLiveSessions } from '../use-cases.ts'
import { minute } from '../words.ts'

const PAGE = 1_000

const list: Command = {
  path: 'session list',
  summary: 'show who is connected, through which door and key, and what they transfer',
  details: 'Sessions show up after a second; requests that are over sooner never do.',
  arguments: [],
  options: {},
  examples: ['latchkey session list', 'latchkey session list --json'],
  async run(context) {
    const sessions = await allSessions(context)
    context.out.list({
      values: sessions.map(liveSessionJson),
      columns: [
        { title: 'ID', whole: true },
        { title: 'WHO' },
        { title: 'DOOR', whole: true },
        { title: 'ADDRESS' },
        { title: 'SINCE' },
        { title: 'IN' },
        { title: 'OUT' },
        { title: 'FILE' },
        { title: 'CLIENT' },
      ],
      rows: sessions.map((session) => [
        session.id,
        [session.userName, session.keyName].filter((name) => name !== null).join(' / '),
        session.door,
        session.address,
        minute(session.startedAt, '-'),
        size(session.bytesIn),
        size(session.bytesOut),
        session.current ?? '-',
        session.client,
      ]),
      empty: 'Nobody is connected.',
    })
  },
}

const end: Command = {
  path: 'session end',
  summary: 'end a session and cut its transfers',
  details: 'Its key may log in again: to stop that, disable the key.',
  arguments: [{ name: 'ID', help: "the session's id, as 'latchkey session list' shows it" }],
  options: {},
  examples: ['latchkey session end 4fGh9Kq2LmZx7TbW'],
  async run({ identity, actor, args: [id = ''], site, out }) {
    const session = await endLiveSession(identity, actor, (await site()).id, id)
    out.result({ id: session.id, ended: true }, `Session ${session.id} is ended.`)
  },
}

async function allSessions({ identity, actor, site }: CommandContext): Promise<readonly LiveSession[]> {
  const { id } = await site()
  const sessions: LiveSession[] = []
  for (let after: LiveSessionPlace | null = null; ; ) {
    const page = await listLiveSessions(identity, actor, id, { limit: PAGE, after })
    sessions.push(...page)
    if (page.length < PAGE) return sessions
    after = page.at(-1) ?? null
  }
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

function size(bytes: number): string {
  const step = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1)
  const value = bytes / 1024 ** step
  return `${step === 0 ? value : value.toFixed(1)} ${UNITS[step]}`
}

export const SESSION_COMMANDS: readonly Command[] = [list, end]
