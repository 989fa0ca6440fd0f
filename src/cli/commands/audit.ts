import { readFile } from 'node:fs/promises'
import { headSeal } from '#audit/chain.ts'
import type { AuditPlace, ChainHead } from '#audit/ports.ts'
import { type AuditReport, type KnownEnd, verifyAudit } from '#audit/verify.ts'
import { Fault } from '#faults'
import { type AuditQuestion, auditJson, type ShownEntry } from '#identity/audit.ts'
import { isoTime, parseDuration, parseInstant } from '#identity/times.ts'
import type { Command, CommandContext, OptionSpecs } from '../command.ts'
import { auditLines, listAudit } from '../use-cases.ts'
import { minute } from '../words.ts'

const FILTER: OptionSpecs = {
  'all-sites': { type: 'boolean', help: 'of every site, and what belongs to none' },
  key: { type: 'string', value: 'KEY', help: 'made through this key: its id or a name it has or had' },
  user: { type: 'string', value: 'USER', help: 'made by this user: id or name' },
  path: { type: 'string', value: 'PATH', help: 'about this file or folder, or below it' },
  door: { type: 'string', value: 'DOOR', help: 'webdav, sftp, ftp, s3, rest or command_line' },
  address: { type: 'string', value: 'ADDRESS', help: 'from this address' },
  action: { type: 'string', value: 'ACTION', help: 'login, file.write, key.disable …' },
  outcome: { type: 'string', value: 'OUTCOME', help: 'ok or refused' },
  from: { type: 'string', value: 'WHEN', help: 'since an ISO time, or 12h, 30d ago' },
  until: { type: 'string', value: 'WHEN', help: 'before an ISO time, or 12h, 30d ago' },
}
const OUTCOMES: ReadonlyMap<string, 'ok' | 'refused'> = new Map([
  ['ok', 'ok'],
  ['refused', 'refused'],
])
const PAGE = 1_000

const list: Command = {
  path: 'audit list',
  summary: 'show what was done, the newest first',
  details: 'Whatever is named must all hold. What deleted keys, users and sites did is still there.',
  arguments: [],
  options: {
    ...FILTER,
    limit: { type: 'string', value: 'N', help: 'at most so many entries (default: 50)' },
  },
  examples: [
    'latchkey audit list --key backup --from 7d',
    'latchkey audit list --action login --outcome refused',
    'latchkey audit list --path /photos/2026 --limit 200',
  ],
  async run(context) {
    const limit = readLimit(context.text('limit'))
    const entries = await newest(context, limit)
    context.out.list({
      values: entries.map(auditJson),
      columns: [
        { title: 'WHEN', whole: true },
        { title: 'ACTION', whole: true },
        { title: 'OUTCOME' },
        { title: 'WHO' },
        { title: 'DOOR' },
        { title: 'ADDRESS' },
        { title: 'WHAT' },
      ],
      rows: entries.map((entry) => [
        isoTime(entry.at).slice(0, 19).replace('T', ' '),
        entry.action,
        entry.outcome === 'ok' ? 'ok' : entry.reason,
        [entry.userName, entry.keyName].filter((name) => name !== null).join(' / '),
        entry.door ?? '-',
        entry.address ?? '-',
        entry.subject,
      ]),
      empty: 'Nothing was recorded that fits.',
    })
  },
}

async function newest(context: CommandContext, limit: number): Promise<readonly ShownEntry[]> {
  const { identity, actor } = context
  const siteId = await siteIdOf(context)
  const question = questionOf(context)
  const entries: ShownEntry[] = []
  for (let after: AuditPlace | null = null; entries.length < limit; ) {
    const wanted = Math.min(PAGE, limit - entries.length)
    const page = await listAudit(identity, actor, siteId, question, { limit: wanted, after })
    entries.push(...page)
    after = page.at(-1) ?? null
    if (page.length < wanted) break
  }
  return entries
}

const exporting: Command = {
  path: 'audit export',
  summary: 'print entries as JSON lines, the oldest first',
  details: 'Each line has its place in the hash chain, so that it can be checked elsewhere.',
  arguments: [],
  options: FILTER,
  examples: ['latchkey audit export --all-sites > audit.jsonl', 'latchkey audit export --from 2026-01-01'],
  async run(context) {
    const { identity, actor, out } = context
    const lines = await auditLines(identity, actor, await siteIdOf(context), questionOf(context))
    for await (const text of lines) out.raw(text)
  },
}

const verify: Command = {
  path: 'audit verify',
  summary: 'check that no entry was changed, removed or inserted',
  details: `Ends with 1 and names the entries when something is wrong. Someone who has the master key as well as
the database can rewrite everything: heads that were kept elsewhere ('latchkey audit head --json') find that
too.`,
  arguments: [],
  options: {
    heads: { type: 'string', value: 'FILE', help: "against what 'audit head --json' printed once" },
  },
  examples: ['latchkey audit verify', 'latchkey audit verify --heads heads-2026-01.json'],
  async run({ identity, text, out }) {
    const known = await readHeads(text('heads'))
    const seal = headSeal(identity.pepper)
    const report = await identity.audit.inspect((reader) => verifyAudit(reader, seal, known))
    const { entries, chains, problemCount } = report
    const checked = `${entries} entries in ${chains} chains`
    if (problemCount === 0) return out.result(reportJson(report), `The audit is whole: ${checked}.`)
    const lines = report.problems.map((problem) => `${problem.kind}: ${problem.text}`)
    out.result(reportJson(report), lines.join('\n'))
    throw new Fault('internal', `the audit is not whole: ${problemCount} problems in ${checked}`)
  },
}

function reportJson({ entries, chains, problemCount, problems }: AuditReport) {
  return { whole: problemCount === 0, entries, chains, problem_count: problemCount, problems }
}

const head: Command = {
  path: 'audit head',
  summary: 'print where each hash chain ends, to be kept elsewhere',
  arguments: [],
  options: {},
  examples: ['latchkey audit head --json > heads-2026-01.json'],
  async run({ identity, out }) {
    const heads = await identity.audit.inspect(async (reader) => {
      const all: ChainHead[] = []
      for (let after = 0; ; after = all.at(-1)?.ordinal ?? 0) {
        const page = await reader.heads(after, PAGE)
        all.push(...page)
        if (page.length < PAGE) return all
      }
    })
    out.list({
      values: heads.map(({ writer, count, hash, startedAt }) => ({
        writer,
        number: count,
        hash: hash.toString('hex'),
        started_at: isoTime(startedAt),
      })),
      columns: [
        { title: 'CHAIN', whole: true },
        { title: 'STARTED', whole: true },
        { title: 'ENTRIES', whole: true },
        { title: 'HASH', whole: true },
      ],
      rows: heads.map(({ writer, startedAt, count, hash }) => [
        writer,
        minute(startedAt, '-'),
        String(count),
        hash.toString('hex'),
      ]),
      empty: 'Nothing was recorded yet.',
    })
  },
}

async function readHeads(file: string | undefined): Promise<readonly KnownEnd[]> {
  if (file === undefined) return []
  const content = await readFile(file, 'utf8').catch(() => {
    throw new Fault('not_found', `${file} cannot be read`)
  })
  const ends = parseHeads(content)
  if (ends === null) throw new Fault('invalid', `${file} is not what 'latchkey audit head --json' printed`)
  return ends
}

function parseHeads(content: string): readonly KnownEnd[] | null {
  try {
    const values: unknown = JSON.parse(content)
    return Array.isArray(values) && values.every(isEnd) ? values : null
  } catch {
    return null
  }
}

function isEnd(value: unknown): value is KnownEnd {
  if (typeof value !== 'object' || value === null) return false
  if (!('writer' in value && 'number' in value && 'hash' in value)) return false
  const { writer, number, hash } = value
  return typeof writer === 'string' && typeof number === 'number' && typeof hash === 'string'
}

async function siteIdOf({ flag, site }: CommandContext): Promise<string | null> {
  return flag('all-sites') ? null : (await site()).id
}

function questionOf({ text, identity }: CommandContext): AuditQuestion {
  const now = identity.clock.now()
  const outcome = OUTCOMES.get(text('outcome') ?? '')
  if (text('outcome') !== undefined && outcome === undefined) {
    throw new Fault('invalid', '--outcome is ok or refused')
  }
  return {
    key: text('key')?.replace(/^@api-/, ''),
    user: text('user'),
    path: text('path'),
    door: text('door'),
    address: text('address'),
    action: text('action'),
    outcome,
    from: readTime('from', text('from'), now),
    until: readTime('until', text('until'), now),
  }
}

function readTime(name: string, text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const ago = parseDuration(text)
  const at = ago === null ? parseInstant(text) : now - ago
  if (at === null) throw new Fault('invalid', `--${name} is an ISO time, or a span such as 12h or 30d`)
  return at
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return 50
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Fault('invalid', '--limit is a number from 1 to 999999')
  return Number(text)
}

export const AUDIT_COMMANDS: readonly Command[] = [list, exporting, verify, head]
