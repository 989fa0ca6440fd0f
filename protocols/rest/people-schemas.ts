import { type TProperties, Type } from 'typebox'
import { ConditionChangesSchema, ConditionsSchema } from './conditions.ts'
import { Named, Nullable, Time } from './schemas.ts'

/* Schemas of sites, settings, users, groups, grants and mounts. */

const CLOSED = { additionalProperties: false }
const Name = Type.String({ maxLength: 100 })
const Expiry = Nullable(
  Type.String({
    maxLength: 40,
    description: 'ISO 8601 date or date and time with a time zone; null for never',
  }),
)
const Lifetime = Type.String({
  maxLength: 10,
  description: 'Such as 12h, 30d, 4w; or never',
  examples: ['30d'],
})

export const IdSchema = Type.Object({ id: Type.String({ maxLength: 100 }) })

export const PageQuerySchema = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 100' })),
    cursor: Type.Optional(Type.String({ maxLength: 6000, description: 'next_cursor of the page before' })),
  },
  CLOSED,
)

const Exact = Type.Optional(Type.String({ maxLength: 100, description: 'Only the one of this very name' }))
export const NamedPageQuerySchema = Type.Object({ ...PageQuerySchema.properties, name: Exact }, CLOSED)

/** A page of a list. */
export function pageSchema<Properties extends TProperties>(lists: Properties) {
  return Type.Object({
    ...lists,
    next_cursor: Nullable(Type.String({ description: 'null on the last page' })),
  })
}

const SETTINGS = {
  default_key_lifetime: Lifetime,
  max_key_lifetime: Lifetime,
  allow_never_expire: Type.Boolean({ description: 'Keys may live without end' }),
  new_keys_start_disabled: Type.Boolean({ description: 'New keys wait to be enabled' }),
  users_may_create_keys: Type.Boolean({ description: 'Members manage keys of their own' }),
  allow_chosen_values: Type.Boolean({ description: 'Values of keys may be chosen' }),
  password_login: Type.Boolean({ description: 'Users may log in with their own password' }),
  ssh_key_login: Type.Boolean({ description: 'Users may log in with their own SSH keys' }),
  expired_key_retention: Lifetime,
}

export const SettingsSchema = Type.Object(SETTINGS)
export const SettingsChangesSchema = Type.Partial(Type.Object(SETTINGS), CLOSED)

export const SiteSchema = Type.Object({
  id: Type.String(),
  name: Type.String(),
  enabled: Type.Boolean(),
  parent_id: Nullable(Type.String()),
  hosts: Type.Array(Type.String()),
  created_at: Time,
  settings: SettingsSchema,
  conditions: ConditionsSchema,
})
export const SiteListSchema = pageSchema({ sites: Type.Array(SiteSchema) })

const Hosts = Type.Array(Type.String({ maxLength: 253 }), { maxItems: 100 })

export const NewSiteSchema = Type.Object(
  {
    name: Name,
    hosts: Type.Optional(Hosts),
    parent_id: Type.Optional(
      Type.String({ maxLength: 40, description: 'The site above it; default: your own' }),
    ),
  },
  CLOSED,
)

export const SiteChangesSchema = Type.Partial(
  Type.Object({
    name: Name,
    enabled: Type.Boolean(),
    hosts: Hosts,
    parent_id: Nullable(Type.String({ maxLength: 40 })),
    settings: SettingsChangesSchema,
    conditions: ConditionChangesSchema,
  }),
  CLOSED,
)

export const ConfirmSchema = Type.Object(
  { confirm: Type.String({ maxLength: 100, description: 'The name of the site: this cannot be undone' }) },
  CLOSED,
)

const Role = Type.Enum(['member', 'administrator'])

export const UserSchema = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: Type.String({ description: 'member or administrator' }),
  enabled: Type.Boolean(),
  email: Nullable(Type.String()),
  home_folder: Type.String(),
  has_password: Type.Boolean(),
  conditions: ConditionsSchema,
  created_at: Time,
  expires_at: Nullable(Time),
})
export const UserPageSchema = pageSchema({ users: Type.Array(UserSchema) })

const USER_CHANGES = {
  role: Type.Optional(Role),
  enabled: Type.Optional(Type.Boolean()),
  email: Type.Optional(Nullable(Type.String({ maxLength: 254 }))),
  home_folder: Type.Optional(Type.String({ maxLength: 4000, description: 'Where sessions start' })),
  expires_at: Type.Optional(Expiry),
  conditions: Type.Optional(ConditionChangesSchema),
}
export const NewUserSchema = Type.Object({ name: Name, ...USER_CHANGES }, CLOSED)
export const UserChangesSchema = Type.Object({ name: Type.Optional(Name), ...USER_CHANGES }, CLOSED)

export const PasswordSchema = Type.Object({ password: Type.String({ maxLength: 1024 }) }, CLOSED)
export const LinkSchema = Type.Object({
  path: Type.String({ description: 'To open at the address of this door; works once' }),
  expires_at: Time,
})
export const MoveSchema = Type.Object(
  {
    to: Type.String({ maxLength: 100, description: 'Id or name of the site' }),
    role: Type.Optional(Role),
  },
  CLOSED,
)

export const GroupSchema = Type.Object({ id: Type.String(), name: Type.String(), created_at: Time })
export const GroupPageSchema = pageSchema({ groups: Type.Array(GroupSchema) })
export const GroupNameSchema = Type.Object({ name: Name }, CLOSED)
export const MemberPageSchema = pageSchema({ members: Type.Array(Named) })
export const MembershipSchema = Type.Object({
  id: Type.String({ maxLength: 100 }),
  user_id: Type.String({ maxLength: 100 }),
})

export const GrantSchema = Type.Object({
  id: Type.String(),
  user: Nullable(Named),
  group: Nullable(Named),
  path: Type.String(),
  rights: Type.Array(Type.String()),
  recursive: Type.Boolean(),
})
export const GrantPageSchema = pageSchema({ grants: Type.Array(GrantSchema) })

const Holder = Type.Optional(Type.String({ maxLength: 100 }))

export const NewGrantSchema = Type.Object(
  {
    user: Holder,
    user_id: Holder,
    group: Holder,
    group_id: Holder,
    path: Type.String({ maxLength: 4000, examples: ['/team'] }),
    rights: Type.Array(Type.String({ maxLength: 20 }), {
      maxItems: 16,
      description:
        'Levels full, readonly, writeonly, list, history, admin; or list read write delete share …',
    }),
    recursive: Type.Optional(Type.Boolean({ description: 'Reaches every depth; default true' })),
  },
  CLOSED,
)

export const GrantQuerySchema = Type.Object(
  { ...PageQuerySchema.properties, user_id: Holder, group_id: Holder },
  CLOSED,
)

const TrashDays = Type.Integer({
  minimum: 0,
  maximum: 3_650,
  description: 'Days for which deleted files are kept; 0: not at all',
})

export const MountSchema = Type.Object({
  id: Type.String(),
  path: Type.String(),
  type: Type.String(),
  read_only: Type.Boolean(),
  trash_days: TrashDays,
})
export const MountListSchema = Type.Object({ mounts: Type.Array(MountSchema) })
export const NewMountSchema = Type.Object(
  {
    path: Type.String({
      maxLength: 4000,
      description: 'Where it appears in the tree',
      examples: ['/archive'],
    }),
    read_only: Type.Optional(Type.Boolean()),
    trash_days: Type.Optional(TrashDays),
  },
  CLOSED,
)
export const MountChangesSchema = Type.Object(
  { read_only: Type.Optional(Type.Boolean()), trash_days: Type.Optional(TrashDays) },
  { ...CLOSED, minProperties: 1 },
)

export const SshKeySchema = Type.Object({
  id: Type.String(),
  name: Type.String(),
  type: Type.String({ examples: ['ssh-ed25519'] }),
  fingerprint: Type.String({ description: 'As ssh-keygen -l prints it: SHA256:…' }),
  public_key: Type.String({ description: 'The line of a public key file' }),
  created_at: Time,
  last_used_at: Nullable(Time),
  last_used_address: Nullable(Type.String()),
  last_used_door: Nullable(Type.String()),
  last_used_client: Nullable(Type.String()),
})
export const SshKeyPageSchema = Type.Object({ ssh_keys: Type.Array(SshKeySchema) })
