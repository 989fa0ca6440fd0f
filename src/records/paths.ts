import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { ROOT, type VirtualPath } from '#permissions/path.ts'

/** What all paths below `folder`, and no others, lie between: `folder/` and `folder0`, for `0` follows `/`. */
export function bounds(folder: VirtualPath): { readonly low: string; readonly high: string } {
  const stem = folder === ROOT ? '' : folder
  return { low: `${stem}/`, high: `${stem}0` }
}

/** A range of an index, never LIKE: names may hold `%` and `_`. */
export function between(low: RawBuilder<string>, high: RawBuilder<string>): RawBuilder<SqlBool> {
  return sql<SqlBool>`(path > ${low} and path < ${high})`
}

/**
 * `folder` itself and all below it, among rows whose `column` is `owner`. Both halves name the owner: with
 * the owner outside, SQLite reads all its rows instead of two ranges of the index.
 */
export function within(
  column: 'site_id' | 'mount_id',
  owner: string,
  folder: VirtualPath,
): RawBuilder<SqlBool> {
  const { low, high } = bounds(folder)
  const owned = sql`${sql.ref(column)} = ${owner}`
  return sql<SqlBool>`(${owned} and path = ${folder} or ${owned} and ${between(sql`${low}`, sql`${high}`)})`
}

/** SQL for the column `path` of a row within `from`, moved to the same place within `to`. */
export function rebased(from: VirtualPath, to: VirtualPath): RawBuilder<string> {
  // substr counts code points, as the string iterator does.
  const cut = from === ROOT ? 0 : [...from].length
  const stem = to === ROOT ? '' : to
  return sql<string>`case path when ${from} then ${to} else ${stem} || substr(path, ${sql.lit(cut + 1)}) end`
}

/** Cuts rows into lists that keep below the engines' limits for parameters in one statement. */
export function* pieces<T>(rows: readonly T[], size: number): Iterable<readonly T[]> {
  for (let start = 0; start < rows.length; start += size) yield rows.slice(start, start + size)
}
