import { Type } from 'typebox'
import { DOORS } from '#permissions/conditions.ts'
import { Named, Nullable, Time } from './schemas.ts'

const PAGE_FIELDS = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 100' })),
  cursor: Type.Optional(Type.String({ maxLength: 100, description: 'next_cursor of the page before' })),
}
const CURSOR = Nullable(Type.String({ description: 'null on the last page' }))
const Instant = Type.String({ maxLength: 40, examples: ['2027-01-31T00:00:00Z'] })

const FILTER_FIELDS = {
  key: Type.Optional(Type.String({ maxLength: 100, description: 'Id of a key, or a name it has or had' })),
  user: Type.Optional(Type.String({ maxLength: 100, description: 'Id or name of a user' })),
  path: Type.Optional(Type.String({ maxLength: 4000, description: 'A file or folder and all below it' })),
  door: Type.Optional(Type.Enum([...DOORS, 'command_line'])),
  address: Type.Optional(Type.String({ maxLength: 100 })),
  action: Type.Optional(Type.String({ maxLength: 40, examples: ['login', 'file.write', 'key.disable'] })),
  outcome: Type.Optional(Type.Enum(['ok', 'refused'])),
  from: Type.Optional(Instant),
  until: Type.Optional(Instant),
}

export const AuditFilterSchema = Type.Object(FILTER_FIELDS, { additionalProperties: false })

export const AuditExportQuerySchema = Type.Object(
  {
    ...FILTER_FIELDS,
    format: Type.Optional(
      Type.Enum(['ndjson', 'csv'], { description: 'Default ndjson: one JSON object a line' }),
    ),
  },
  { additionalProperties: false },
)

export const AuditPageQuerySchema = Type.Object(
  { ...FILTER_FIELDS, ...PAGE_FIELDS },
  { additionalProperties: false },
)

const AuditEntrySchema = Type.Object({
  sequence: Type.Integer(),
  at: Time,
  action: Type.String(),
  outcome: Type.String({ description: 'ok or refused' }),
  reason: Type.String({ description: 'Why it was refused, or empty' }),
  site: Nullable(Named),
  user: Nullable(Named),
  key: Nullable(Named),
  door: Nullable(Type.String()),
  address: Nullable(Type.String()),
  subject: Type.String({ description: 'Path, or what was changed; of a login the client software' }),
  target: Nullable(Type.String({ description: 'Where something was moved or copied to' })),
})

export const AuditPageSchema = Type.Object({ entries: Type.Array(AuditEntrySchema), next_cursor: CURSOR })

export const LiveSessionPageSchema = Type.Object({
  sessions: Type.Array(
    Type.Object({
      id: Type.String(),
      type: Type.String({ description: 'site, user, guest or person' }),
      user: Nullable(Named),
      key: Nullable(Named),
      door: Type.String(),
      address: Type.String(),
      client: Type.String({ description: 'Client software as it names itself' }),
      since: Time,
      bytes_in: Type.Integer(),
      bytes_out: Type.Integer(),
      current: Nullable(Type.String({ description: 'Path of the open file' })),
    }),
  ),
  next_cursor: CURSOR,
})

export const SessionIdSchema = Type.Object({ id: Type.String({ maxLength: 100 }) })
