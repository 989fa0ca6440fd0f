import { headText, linkHash, ORIGIN, readFollows, rootText, type Seal } from './chain.ts'
import type { AuditRecord, ChainHead, ChainPlace, ChainReader, SealedHead } from './ports.ts'

/** What is wrong with the audit. `sequence` is that of the entry; null where there is none to point at. */
export type AuditProblem = {
  readonly kind: 'changed' | 'removed' | 'inserted' | 'forged'
  readonly sequence: number | null
  readonly writer: string | null
  readonly text: string
}

/** `problems` holds the first 1,000 of `problemCount`. */
export type AuditReport = {
  readonly entries: number
  readonly chains: number
  readonly problemCount: number
  readonly problems: readonly AuditProblem[]
}

/** An end of a chain that was kept outside of the database. `hash` is hexadecimal. */
export type KnownEnd = ChainPlace & { readonly hash: string }

type Complain = (
  kind: AuditProblem['kind'],
  at: { readonly sequence?: number; readonly writer?: string },
  text: string,
) => void

const PAGE = 1_000
const MAX_PROBLEMS = 1_000

/**
 * Checks every entry, chain and head against each other, and `known` ends against them. Reads in pages: memory
 * does not grow with the audit. docs/decisions/0007-audit-chain.md says what this finds and what it cannot.
 */
export async function verifyAudit(
  reader: ChainReader,
  seal: Seal,
  known: readonly KnownEnd[] = [],
): Promise<AuditReport> {
  const problems: AuditProblem[] = []
  let problemCount = 0
  const complain: Complain = (kind, { sequence = null, writer = null }, text) => {
    problemCount += 1
    if (problems.length < MAX_PROBLEMS) problems.push({ kind, sequence, writer, text })
  }
  const chains = await checkHeads(reader, seal, complain)
  const removed = await checkRoot(reader, seal, chains, complain)
  const entries = await checkEntries(reader, removed, complain)
  for (let at = 0; at < known.length; at += PAGE) {
    await checkEnds(reader, known.slice(at, at + PAGE), removed, 'the exported head', complain)
  }
  return { entries, chains, problemCount, problems }
}

/** Counts the heads; each must have its MAC, and the last entry of its chain must be there. */
async function checkHeads(reader: ChainReader, seal: Seal, complain: Complain): Promise<number> {
  let count = 0
  for (let after = 0; ; ) {
    const heads = await reader.heads(after, PAGE)
    for (const head of heads) {
      if (!head.mac.equals(seal(headText(head)))) {
        complain('forged', head, `the head of chain ${head.writer} was changed: its MAC is wrong`)
      }
    }
    await checkLastEntries(reader, heads, complain)
    count += heads.length
    const last = heads.at(-1)
    if (last === undefined || heads.length < PAGE) return count
    after = last.ordinal
  }
}

async function checkLastEntries(
  reader: ChainReader,
  heads: readonly SealedHead[],
  complain: Complain,
): Promise<void> {
  const open = heads.filter(({ count, prunedCount }) => count > prunedCount)
  const found = new Map(
    (await reader.hashesAt(open.map(({ writer, count: number }) => ({ writer, number })))).map((row) => [
      row.writer,
      row,
    ]),
  )
  for (const { writer, count, hash } of open) {
    const last = found.get(writer)
    if (last === undefined)
      complain('removed', { writer }, `the last entry of chain ${writer} (${count}) is missing`)
    else if (!last.hash.equals(hash)) {
      complain('changed', last, `entry ${last.sequence} is not the one that ended chain ${writer}`)
    }
  }
}

/** How many chains were pruned whole; there must be a head for each of the others. */
async function checkRoot(
  reader: ChainReader,
  seal: Seal,
  chains: number,
  complain: Complain,
): Promise<number> {
  const root = await reader.root()
  if (root === null) {
    if (chains > 0) complain('removed', {}, 'the count of chains is missing')
    return 0
  }
  if (!root.mac.equals(seal(rootText(root)))) {
    complain('forged', {}, 'the count of chains was changed: its MAC is wrong')
  }
  const expected = root.started - root.removed
  if (chains !== expected) {
    complain(
      chains < expected ? 'removed' : 'inserted',
      {},
      `there are ${chains} chains where ${expected} must be`,
    )
  }
  return root.removed
}

/** Walks all entries chain by chain. */
async function checkEntries(reader: ChainReader, removed: number, complain: Complain): Promise<number> {
  const check = chainChecker(complain)
  let count = 0
  for (let after: ChainPlace | null = null; ; ) {
    const page: readonly AuditRecord[] = await reader.entries(after, PAGE)
    const heads = await reader.headsOf([...new Set(page.map(({ writer }) => writer))])
    const byWriter = new Map(heads.map((head) => [head.writer, head]))
    for (const entry of page) check(entry, byWriter.get(entry.writer))
    await checkStarts(reader, page, removed, complain)
    count += page.length
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return count
    after = last
  }
}

/** Checks entries that come in the order of their chains. */
function chainChecker(complain: Complain): (entry: AuditRecord, head: ChainHead | undefined) => void {
  let before: AuditRecord | null = null
  return (entry, head) => {
    const { sequence, writer, number } = entry
    if (head === undefined || number > head.count || number <= head.prunedCount) {
      complain('inserted', entry, `entry ${sequence} belongs to no chain`)
      return
    }
    if (!linkHash(entry, entry.previous, entry).equals(entry.hash)) {
      complain('changed', entry, `entry ${sequence} was changed`)
    }
    const last = before?.writer === writer ? before : null
    const lastNumber = last?.number ?? head.prunedCount
    const lastHash = last?.hash ?? (head.prunedCount === 0 ? ORIGIN : head.prunedHash)
    if (number > lastNumber + 1) {
      complain(
        'removed',
        entry,
        `${span(lastNumber + 1, number - 1)} of chain ${writer}, before entry ${sequence}`,
      )
    } else if (number <= lastNumber) {
      complain('inserted', entry, `entry ${sequence} has a place that entry ${last?.sequence} has too`)
    } else if (!entry.previous.equals(lastHash)) {
      complain(
        'changed',
        last ?? entry,
        `entry ${(last ?? entry).sequence} is not the one that was written there`,
      )
    }
    if (last !== null && sequence <= last.sequence) {
      complain('changed', entry, `entry ${sequence} was moved before entry ${last.sequence}`)
    }
    before = entry
  }
}

function span(from: number, to: number): string {
  return from === to ? `number ${from} is missing` : `numbers ${from} to ${to} are missing`
}

/** Each chain's first entry names an entry of the chain before. */
async function checkStarts(
  reader: ChainReader,
  page: readonly AuditRecord[],
  removed: number,
  complain: Complain,
): Promise<void> {
  const named = page.flatMap((entry) => {
    const follows = entry.action === 'audit.start' && entry.number === 1 ? readFollows(entry.subject) : null
    return follows === null ? [] : [follows]
  })
  await checkEnds(reader, named, removed, 'a later chain', complain)
}

/** Each of these entries must be there, or be pruned. */
async function checkEnds(
  reader: ChainReader,
  ends: readonly KnownEnd[],
  removed: number,
  witness: string,
  complain: Complain,
): Promise<void> {
  const hashes = new Map((await reader.hashesAt(ends)).map((row) => [`${row.number} ${row.writer}`, row]))
  const heads = new Map(
    (await reader.headsOf([...new Set(ends.map(({ writer }) => writer))])).map((head) => [head.writer, head]),
  )
  for (const { writer, number, hash } of ends) {
    const row = hashes.get(`${number} ${writer}`)
    const head = heads.get(writer)
    const isPruned = head === undefined ? removed > 0 : number <= head.prunedCount
    if (row !== undefined && row.hash.toString('hex') !== hash) {
      complain('changed', row, `entry ${row.sequence} is not the one that ${witness} names`)
    } else if (row === undefined && !isPruned) {
      complain('removed', { writer }, `entry ${number} of chain ${writer} is missing; ${witness} names it`)
    }
  }
}
