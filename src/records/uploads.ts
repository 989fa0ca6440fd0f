import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'
import {
  type MultipartUpload,
  timeOfUploadId,
  type UploadedPart,
  type UploadsPage,
} from '#files/multipart.ts'
import type { UploadStore } from '#files/ports.ts'
import { parsePath, ROOT, type VirtualPath } from '#permissions/path.ts'
import type { Engine } from './engine.ts'
import { asTaken } from './faults.ts'
import { within } from './paths.ts'
import { fromJson } from './rows.ts'
import type { Database, UploadPartTable, UploadTable } from './schema.ts'

/** Multipart uploads in progress and their parts. */
export function uploadStore({ db, write }: Engine): UploadStore {
  const uploads = (siteId: string) => db.selectFrom('uploads').selectAll().where('site_id', '=', siteId)
  return {
    insert: async (siteId, upload) => {
      const row = uploadRow(siteId, upload)
      await asTaken(
        'this upload',
        write((trx) => trx.insertInto('uploads').values(row).execute()),
      )
    },
    get: async (siteId, id) => {
      const row = await uploads(siteId).where('id', '=', id).executeTakeFirst()
      return row ? uploadOf(row) : null
    },
    list: async (siteId, folder, page) => {
      const query =
        page === undefined
          ? db
              .selectFrom('uploads')
              .selectAll()
              .where(within('site_id', siteId, folder))
          : uploads(siteId).where(onPage(folder, page)).limit(page.limit)
      return (await query.orderBy('path').orderBy('started_at').orderBy('id').execute()).map(uploadOf)
    },
    abandoned: async (before, limit) => {
      const rows = await db
        .selectFrom('uploads')
        .selectAll()
        .where('started_at', '<', before)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('upload_parts')
                .select('number')
                .whereRef('upload_id', '=', 'uploads.id')
                .where('modified', '>=', before),
            ),
          ),
        )
        .orderBy('started_at')
        .limit(limit)
        .execute()
      return rows.map((row) => ({ siteId: row.site_id, upload: uploadOf(row) }))
    },
    putPart: (uploadId, part) => write((trx) => putPart(trx, uploadId, part)),
    parts: async (uploadId, page) => {
      const query = db
        .selectFrom('upload_parts')
        .selectAll()
        .where('upload_id', '=', uploadId)
        .$if(page !== undefined, (all) => all.where('number', '>', page?.after ?? 0).limit(page?.limit ?? 0))
      return (await query.orderBy('number').execute()).map(partOf)
    },
    remove: async (siteId, id) => {
      await write((trx) =>
        trx.deleteFrom('uploads').where('site_id', '=', siteId).where('id', '=', id).execute(),
      )
    },
    ids: async () => (await db.selectFrom('uploads').select('id').execute()).map((row) => row.id),
  }
}

/** Above every character that a path can hold. */
const LAST = '\u{10ffff}'

/** A range of paths that the index gives in order; one lower bound, so that it begins where the page does. */
function onPage(folder: VirtualPath, { prefix = '', after }: UploadsPage): RawBuilder<SqlBool> {
  const low = `${folder === ROOT ? '' : folder}/${prefix}`
  const below = sql<SqlBool>`path < ${low + LAST}`
  if (after === undefined || Buffer.compare(Buffer.from(after.path), Buffer.from(low)) < 0)
    return sql<SqlBool>`path >= ${low} and ${below}`
  const { path, id } = after
  if (id === undefined) return sql<SqlBool>`path > ${path} and ${below}`
  const startedAt = timeOfUploadId(id)
  if (Number.isNaN(startedAt)) return sql<SqlBool>`path > ${path} and ${below}`
  return sql<SqlBool>`(path, started_at, id) > (${path}, ${startedAt}, ${id}) and ${below}`
}

/** Fault `not_found` by the foreign key when the upload has ended. */
async function putPart(db: Kysely<Database>, uploadId: string, part: UploadedPart): Promise<void> {
  const columns = {
    size: part.size,
    etag: part.etag,
    checksums: JSON.stringify(part.checksums),
    modified: Math.floor(part.modified),
  }
  await db
    .insertInto('upload_parts')
    .values({ upload_id: uploadId, number: part.number, ...columns })
    .onConflict((conflict) => conflict.columns(['upload_id', 'number']).doUpdateSet(columns))
    .execute()
}

function uploadOf(row: UploadTable): MultipartUpload {
  return {
    id: row.id,
    path: parsePath(row.path),
    startedAt: row.started_at,
    metadata: fromJson<MultipartUpload['metadata']>(row.metadata),
    checksum: row.checksum === null ? null : fromJson<MultipartUpload['checksum']>(row.checksum),
  }
}

function uploadRow(siteId: string, upload: MultipartUpload): UploadTable {
  return {
    id: upload.id,
    site_id: siteId,
    path: upload.path,
    started_at: upload.startedAt,
    metadata: JSON.stringify(upload.metadata),
    checksum: upload.checksum === null ? null : JSON.stringify(upload.checksum),
  }
}

function partOf(row: UploadPartTable): UploadedPart {
  return {
    number: row.number,
    size: row.size,
    etag: row.etag,
    checksums: fromJson<UploadedPart['checksums']>(row.checksums),
    modified: row.modified,
  }
}
