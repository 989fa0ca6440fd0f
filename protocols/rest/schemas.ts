import { Type } from 'typebox'

const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' })

const Named = Type.Object({ id: Type.String(), name: Type.String() })

const Expiry = Nullable(
  Type.String({
    maxLength: 40,
    description: 'ISO 8601 date or date and time with a time zone; null for never',
    examples: ['2027-01-31T00:00:00Z'],
  }),
)

const Scopes = Type.Array(Type.String({ maxLength: 40 }), {
  maxItems: 64,
  description: 'Names of scopes or presets (full, files_only, read_only, upload_only, none)',
  examples: [['files.list', 'files.read', 'webdav.read']],
})

const BasePath = Type.String({
  maxLength: 4000,
  description: 'Folder outside of which the key sees nothing',
  examples: ['/photos'],
})

const KEY_FIELDS = {
  id: Type.String({ description: 'Public and permanent' }),
  login: Type.String({ description: 'User name for WebDAV, SFTP and FTP; the value is the password' }),
  name: Type.String(),
  description: Type.String(),
  type: Type.String({ description: 'site, user or guest' }),
  site: Named,
  user: Nullable(Named),
  scopes: Type.Array(Type.String()),
  base_path: Type.String(),
  enabled: Type.Boolean(),
  state: Type.String({ description: 'active, disabled or expired' }),
  created_at: Time,
  expires_at: Nullable(Time),
  access_key_id: Nullable(Type.String({ description: 'S3 access key id' })),
  values: Type.Array(
    Type.Object({
      id: Type.String(),
      masked: Type.String(),
      created_at: Time,
      stops_at: Nullable(Time),
      last_used_at: Nullable(Time),
    }),
  ),
}

/** A key as lists show it. */
export const KeySchema = Type.Object(KEY_FIELDS)

/** A new key with what is shown this once. */
export const IssuedKeySchema = Type.Object({
  ...KEY_FIELDS,
  value: Type.String({ description: 'Shown now and never again' }),
  secret_access_key: Nullable(Type.String({ description: 'Shown now and never again' })),
})

export const NewKeySchema = Type.Object(
  {
    name: Type.String({ maxLength: 100, description: 'Unique in the site', examples: ['backup'] }),
    description: Type.Optional(Type.String({ maxLength: 1000 })),
    type: Type.Optional(
      Type.Enum(['user', 'site'], { description: 'user (default): bound to a user. site: opens everything' }),
    ),
    user: Type.Optional(Type.String({ maxLength: 100, description: 'Name of the user; default: your own' })),
    user_id: Type.Optional(
      Type.String({ maxLength: 40, description: 'Id of the user, instead of the name' }),
    ),
    scopes: Type.Optional(Scopes),
    base_path: Type.Optional(BasePath),
    expires_at: Type.Optional(Expiry),
    s3: Type.Optional(Type.Boolean({ description: 'With an S3 access key pair; user keys only' })),
  },
  { additionalProperties: false },
)

export const KeyChangesSchema = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 100 })),
    description: Type.Optional(Type.String({ maxLength: 1000 })),
    enabled: Type.Optional(Type.Boolean()),
    scopes: Type.Optional(Scopes),
    base_path: Type.Optional(BasePath),
    expires_at: Type.Optional(Expiry),
  },
  { additionalProperties: false },
)

export const KeyIdSchema = Type.Object({ id: Type.String({ maxLength: 100 }) })

export const PageSchema = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 100' })),
    cursor: Type.Optional(Type.String({ maxLength: 100, description: 'next_cursor of the page before' })),
  },
  { additionalProperties: false },
)

export const KeyPageSchema = Type.Object({
  keys: Type.Array(KeySchema),
  next_cursor: Nullable(Type.String({ description: 'null on the last page' })),
})

export const PresentedKeySchema = Type.Object({
  site: Named,
  type: Type.String({ description: 'site, user or guest' }),
  id: Nullable(Type.String()),
  name: Nullable(Type.String()),
  user: Nullable(Named),
  role: Type.String({ description: 'administrator or member' }),
  scopes: Type.Array(Type.String()),
  base_path: Type.String(),
  doors: Type.Array(Type.String(), { description: 'Protocols that the key opens' }),
  expires_at: Nullable(Time),
  grants: Type.Array(
    Type.Object({ path: Type.String(), rights: Type.Array(Type.String()), recursive: Type.Boolean() }),
  ),
})

export const HealthSchema = Type.Object({ status: Type.String() })

const ErrorSchema = Type.Object(
  {
    error: Type.Object({
      code: Type.String(),
      message: Type.String(),
      details: Type.Array(Type.Object({ field: Type.String(), message: Type.String() })),
      request_id: Type.String(),
    }),
  },
  { description: 'What went wrong' },
)

/** Answers that every authenticated route may give. */
export const REFUSALS = { '4xx': ErrorSchema, '5xx': ErrorSchema } as const
