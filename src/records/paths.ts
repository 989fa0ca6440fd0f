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

/** `folder` itself and all below it. */
export function within(folder: VirtualPath): RawBuilder<SqlBool> {
  const { low, high } = bounds(folder)
  return sql<SqlBool>`(path = ${folder} or ${between(sql`${low}`, sql`${high}`)})`
}

/** SQL for the column `path` with its beginning `from` put in place by `to`. */
export function rebased(from: VirtualPath, to: VirtualPath) {
  const target = to === ROOT ? '' : to
  // substr counts code points, as the string iterator does.
  const skipped = from === ROOT ? 0 : [...from].length
  const rest = sql<string>`substr(path, ${sql.lit(skipped + 1)})`
  return target === ''
    ? sql<string>`case ${rest} when '' then '/' else ${rest} end`
    : sql<string>`${target} || ${rest}`
}

/** Cuts rows into lists that keep below the engines' limits for parameters in one statement. */
export function* pieces<T>(rows: readonly T[], size: number): Iterable<readonly T[]> {
  for (let start = 0; start < rows.length; start += size) yield rows.slice(start, start + size)
}
