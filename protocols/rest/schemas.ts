import { Type } from 'typebox'
import { ConditionChangesSchema, ConditionsSchema } from './conditions.ts'

export const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

export const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' })

export const Named = Type.Object({ id: Type.String(), name: Type.String() })

const Expiry = Nullable(
  Type.String({
    maxLength: 40,
    description: 'ISO 8601 date or date and time with a time zone; null for never',
    examples: ['2027-01-31T00:00:00Z'],
  }),
)

const Scopes = Type.Array(Type.Union([Type.String({ maxLength: 40 }), Type.Integer({ minimum: 0 })]), {
  maxItems: 64,
  description:
    'Names of scopes or presets (full, files_only, read_only, upload_only, none); of the add-on’s scopes ' +
    '(addon.read_downloads, addon.write_downloads, addon.hard_delete_downloads, addon.read_categories, ' +
    'addon.write_categories, addon.hard_delete_categories); CloudPaste’s bits by name (MOUNT_VIEW …) or as ' +
    'one number',
  examples: [['files.list', 'files.read', 'webdav.read']],
})

const Storages = Nullable(
  Type.Array(Type.String({ maxLength: 4000 }), {
    maxItems: 100,
    description: 'Mounts by id or path; others do not exist for the key. null for all',
  }),
)

const ChosenValue = Type.String({
  maxLength: 100,
  description: 'A chosen value, where the site allows that: 12 to 50 visible ASCII characters, no colon',
})

const BasePath = Type.String({
  maxLength: 4000,
  description: 'Folder outside of which the key sees nothing',
  examples: ['/photos'],
})

const USE_FIELDS = {
  last_used_at: Nullable(Time),
  last_used_address: Nullable(Type.String()),
  last_used_door: Nullable(Type.String()),
  last_used_client: Nullable(Type.String()),
}

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
  storages: Nullable(Type.Array(Type.String(), { description: 'Ids of mounts; null for all' })),
  conditions: ConditionsSchema,
  enabled: Type.Boolean(),
  state: Type.String({ description: 'active, disabled or expired' }),
  disabled_by: Nullable(
    Type.String({
      description: 'administrator: only an administrator enables it; owner; null while enabled',
    }),
  ),
  created_at: Time,
  expires_at: Nullable(Time),
  access_key_id: Nullable(Type.String({ description: 'S3 access key id' })),
  access_key_use: Nullable(Type.Object(USE_FIELDS)),
  values: Type.Array(
    Type.Object({
      id: Type.String(),
      masked: Type.String(),
      chosen: Type.Boolean({ description: 'Somebody chose it' }),
      created_at: Time,
      stops_at: Nullable(Time),
      ...USE_FIELDS,
    }),
  ),
}

/** A key as lists show it. */
export const KeySchema = Type.Object(KEY_FIELDS)

/** A new key with what is shown this once. */
export const IssuedKeySchema = Type.Object({
  ...KEY_FIELDS,
  value: Nullable(Type.String({ description: 'Shown now and never again; null for a guest key' })),
  secret_access_key: Nullable(Type.String({ description: 'Shown now and never again' })),
})

export const NewKeySchema = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        maxLength: 100,
        description: 'Unique in the site; only a guest key goes without: it is named guest',
        examples: ['backup'],
      }),
    ),
    description: Type.Optional(Type.String({ maxLength: 1000 })),
    type: Type.Optional(
      Type.Enum(['user', 'site', 'guest'], {
        description:
          'user (default): bound to a user. site: opens everything. guest: what requests without a key may do',
      }),
    ),
    user: Type.Optional(Type.String({ maxLength: 100, description: 'Name of the user; default: your own' })),
    user_id: Type.Optional(
      Type.String({ maxLength: 40, description: 'Id of the user, instead of the name' }),
    ),
    scopes: Type.Optional(Scopes),
    base_path: Type.Optional(BasePath),
    storages: Type.Optional(Storages),
    conditions: Type.Optional(ConditionChangesSchema),
    expires_at: Type.Optional(Expiry),
    value: Type.Optional(ChosenValue),
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
    storages: Type.Optional(Storages),
    conditions: Type.Optional(ConditionChangesSchema),
    expires_at: Type.Optional(Expiry),
  },
  { additionalProperties: false },
)

export const RotationSchema = Type.Object(
  {
    overlap_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2_592_000,
        description: 'How long the old value goes on; default 0',
      }),
    ),
    value: Type.Optional(ChosenValue),
    s3: Type.Optional(Type.Boolean({ description: 'Also replaces the S3 pair; the old one stops at once' })),
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

export const KeyListingSchema = Type.Object(
  {
    ...PageSchema.properties,
    name: Type.Optional(
      Type.String({ maxLength: 100, description: 'Only the one of this name, id or login' }),
    ),
    user: Type.Optional(Type.String({ maxLength: 100, description: 'Of this user, by name' })),
    user_id: Type.Optional(Type.String({ maxLength: 40, description: 'Of this user, by id' })),
    type: Type.Optional(Type.Enum(['user', 'site', 'guest'])),
    state: Type.Optional(Type.Enum(['active', 'disabled', 'expired'])),
  },
  { additionalProperties: false },
)

export const KeyPageSchema = Type.Object({
  keys: Type.Array(KeySchema),
  next_cursor: Nullable(Type.String({ description: 'null on the last page' })),
})

/** What anybody may know of a guest key. */
export const GuestConfigSchema = Type.Object({
  site: Named,
  type: Type.String(),
  name: Type.String(),
  enabled: Type.Boolean(),
  scopes: Type.Array(Type.String()),
  base_path: Type.String(),
  doors: Type.Array(Type.String(), { description: 'Protocols that are open without a key' }),
  expires_at: Nullable(Time),
})

export const PresentedKeySchema = Type.Object({
  site: Named,
  type: Type.String({ description: 'site, user or guest; person for somebody without a key' }),
  id: Nullable(Type.String()),
  name: Nullable(Type.String()),
  user: Nullable(Named),
  role: Type.String({ description: 'administrator or member' }),
  scopes: Type.Array(Type.String()),
  base_path: Type.String(),
  storages: Nullable(Type.Array(Type.String(), { description: 'Ids of mounts; null for all' })),
  conditions: Type.Array(ConditionsSchema, { description: 'Of site, user and key; all must hold' }),
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
