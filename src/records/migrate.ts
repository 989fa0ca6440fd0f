import type { Clock } from '#credentials/ports.ts'
import type { Engine } from './engine.ts'
import { MIGRATIONS, type Migration } from './migrations/all.ts'

/**
 * Brings the tables to what this program knows, in one transaction; processes that start at once wait for
 * each other. Throws Error when a newer program has changed the database.
 */
export async function migrate(
  { db, kinds }: Engine,
  clock: Clock,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.schema
      .createTable('migrations')
      .ifNotExists()
      .addColumn('name', kinds.text, (column) => column.primaryKey())
      .addColumn('applied_at', kinds.whole, (column) => column.notNull())
      .execute()
    const rows = await trx.selectFrom('migrations').select('name').execute()
    const applied = new Set(rows.map((row) => row.name))
    refuseNewer(applied, migrations)
    for (const migration of migrations) {
      if (applied.has(migration.name)) continue
      await migration.up(trx, kinds)
      await trx.insertInto('migrations').values({ name: migration.name, applied_at: clock.now() }).execute()
    }
  })
}

function refuseNewer(applied: ReadonlySet<string>, migrations: readonly Migration[]): void {
  const known = new Set(migrations.map((migration) => migration.name))
  const unknown = [...applied].filter((name) => !known.has(name)).sort()
  if (unknown.length === 0) return
  throw new Error(
    `the database was changed by a newer version of this program (${unknown.join(', ')}); ` +
      `this one knows it up to ${migrations.at(-1)?.name}. Start the newer version, or restore a backup.`,
  )
}
