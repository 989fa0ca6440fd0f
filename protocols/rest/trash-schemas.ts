import { Type } from 'typebox'
import { Named, Nullable, Time } from './schemas.ts'

const closed = { additionalProperties: false }
const Path = Type.String({ maxLength: 4000, examples: ['/photos/2026'] })
const Kind = Type.String({ description: 'file or folder' })
const Size = Type.Integer({ description: 'Bytes; 0 for folders' })

export const TrashFolderSchema = Type.Object(
  { folder: Type.Optional(Type.String({ maxLength: 4000, description: 'Only what lay in this folder' })) },
  closed,
)

export const TrashQuerySchema = Type.Object(
  {
    ...TrashFolderSchema.properties,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 100' })),
    cursor: Type.Optional(Type.String({ maxLength: 100, description: 'next_cursor of the page before' })),
  },
  closed,
)

export const TrashPageSchema = Type.Object({
  entries: Type.Array(
    Type.Object({
      id: Type.String(),
      path: Type.String({ description: 'Where it was' }),
      kind: Kind,
      size: Size,
      deleted_at: Time,
      user: Nullable(Named),
      key: Nullable(Named),
    }),
  ),
  next_cursor: Nullable(Type.String({ description: 'null on the last page' })),
})

export const TrashIdSchema = Type.Object({ id: Type.String({ maxLength: 100 }) })

export const RestoreSchema = Type.Object(
  {
    to: Type.Optional(Path),
    overwrite: Type.Optional(Type.Boolean({ description: 'What is there now goes; default false' })),
  },
  closed,
)

export const RestoredSchema = Type.Object({ path: Type.String(), kind: Kind, size: Size })

export const PurgedSchema = Type.Object({ purged: Type.Integer({ description: 'How many entries' }) })

export const PurgeSchema = Type.Object(
  { path: Path, tree: Type.Optional(Type.Boolean({ description: 'A folder with all that is in it' })) },
  closed,
)
