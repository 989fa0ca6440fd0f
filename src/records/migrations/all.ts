import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'
import { createIdentityTables } from './0001-identity.ts'
import { createJournalTables } from './0002-journals.ts'
import { createFileTables } from './0003-files.ts'
import { createAuditTables } from './0004-audit.ts'
import { createThrottleTable } from './0006-throttle.ts'
import { createTrashTable } from './0007-trash.ts'
import { createPropertyTables } from './0008-properties.ts'
import { createSshKeyTable } from './0009-ssh-keys.ts'
import { createLostUploadTable } from './0010-lost-uploads.ts'
import { indexUploadsByStart } from './0011-uploads.ts'
import { createVersions } from './0012-versions.ts'
import { createPeopleTables } from './0013-people.ts'
import { addKeptVersionPaths } from './0014-kept-version-paths.ts'

/** One step of the schema. What was released is never changed: a correction is a new step. */
export type Migration = {
  readonly name: string
  up(db: Kysely<Database>, kinds: ColumnKinds): Promise<void>
}

/** All steps in the order in which they run. */
export const MIGRATIONS: readonly Migration[] = [
  { name: '0001-identity', up: createIdentityTables },
  { name: '0002-journals', up: createJournalTables },
  { name: '0003-files', up: createFileTables },
  { name: '0004-audit', up: createAuditTables },
  { name: '0006-throttle', up: createThrottleTable },
  { name: '0007-trash', up: createTrashTable },
  { name: '0008-properties', up: createPropertyTables },
  { name: '0009-ssh-keys', up: createSshKeyTable },
  { name: '0010-lost-uploads', up: createLostUploadTable },
  { name: '0011-uploads', up: indexUploadsByStart },
  { name: '0012-versions', up: createVersions },
  { name: '0013-people', up: createPeopleTables },
  { name: '0014-kept-version-paths', up: addKeptVersionPaths },
]
