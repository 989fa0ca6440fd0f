import { Type } from 'typebox'
import { Nullable, Time } from '../schemas.ts'

const closed = { additionalProperties: false }
const Path = Type.String({ maxLength: 4000, examples: ['/photos/2026/a.jpg'] })
const Flag = (description: string) => Type.Optional(Type.Boolean({ description }))

export const EntrySchema = Type.Object({
  path: Type.String(),
  name: Type.String({ description: 'Empty for /' }),
  kind: Type.String({ description: 'file or folder' }),
  size: Type.Integer({ description: 'Bytes; 0 for folders' }),
  type: Nullable(Type.String({ description: 'Media type, by the name’s ending; null for folders' })),
  modified_at: Time,
  created_at: Time,
  etag: Nullable(Type.String({ description: 'Strong, with its quotes; null for folders' })),
})

export const FilePageSchema = Type.Object({
  entries: Type.Array(EntrySchema),
  next_cursor: Nullable(Type.String({ description: 'null on the last page' })),
})

export const FileQuerySchema = Type.Object(
  {
    stat: Flag('Describe the file or folder itself, instead of its content'),
    download: Flag('Of a file: for browsers to save instead of to show'),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'Of a folder; default 100' }),
    ),
    cursor: Type.Optional(
      Type.String({ maxLength: 1000, description: 'Of a folder: next_cursor of the page before' }),
    ),
    prefix: Type.Optional(
      Type.String({ maxLength: 255, description: 'Of a folder: only names that start so' }),
    ),
  },
  closed,
)

export const UploadQuerySchema = Type.Object(
  {
    modified_at: Type.Optional(Type.String({ maxLength: 40, description: 'Default: now' })),
    parents: Flag('Make the folders above it that are missing'),
  },
  closed,
)

export const RemoveQuerySchema = Type.Object({ tree: Flag('A folder with all that is in it') }, closed)

export const NewFolderSchema = Type.Object(
  { path: Path, parents: Flag('Make the folders above it that are missing') },
  closed,
)

export const TransferSchema = Type.Object(
  { from: Path, to: Path, overwrite: Flag('What is there goes; default false') },
  closed,
)

export const TransferredSchema = Type.Object({
  path: Type.String(),
  outcome: Type.String({ description: 'created or replaced' }),
})

export const TimesSchema = Type.Object({ path: Path, modified_at: Type.String({ maxLength: 40 }) }, closed)

export const SpaceQuerySchema = Type.Object({ path: Type.Optional(Path) }, closed)

export const SpaceSchema = Type.Object(
  { total: Type.Integer(), available: Type.Integer(), used: Type.Integer() },
  { description: 'Bytes' },
)
