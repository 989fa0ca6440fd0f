import Type, { type Static } from 'typebox'

const closed = { additionalProperties: false }

const Place = {
  address: Type.Optional(Type.String({ minLength: 1 })),
  port: Type.Integer({ minimum: 0, maximum: 65535 }),
}

const Listen = Type.Object(
  {
    ...Place,
    site: Type.Optional(Type.String({ minLength: 1 })),
  },
  closed,
)

const Listeners = Type.Array(
  Type.Object({ ...Listen.properties, tls: Type.Optional(Type.Boolean()) }, closed),
)
const StreamListeners = Type.Array(
  Type.Object({ ...Listen.properties, proxy_protocol: Type.Optional(Type.Boolean()) }, closed),
)
const FtpListeners = Type.Array(
  Type.Object(
    {
      ...Listen.properties,
      proxy_protocol: Type.Optional(Type.Boolean()),
      tls: Type.Optional(Type.Unsafe<boolean | 'implicit'>({ enum: [true, false, 'implicit'] })),
    },
    closed,
  ),
)
const Path = Type.String({ minLength: 1 })
const Seconds = Type.Integer({ minimum: 0, maximum: 86_400 })
const Count = Type.Integer({ minimum: 1, maximum: 100_000 })
const PublicUrl = Type.String({ pattern: '^(https?|sftp|ftps?)://[^/@\\s]+$' })
const PortRange = Type.String({ pattern: '^\\d{1,5}-\\d{1,5}$' })

/** The configuration file as it is written; every field may be left out. */
export const ConfigSchema = Type.Partial(
  Type.Object({
    data: Type.String({ minLength: 1 }),
    // Two kinds of value would be three mistakes: config.ts says it in one.
    workers: Type.Unsafe<number | 'auto'>({}),
    log_level: Type.Enum(['debug', 'info', 'warn', 'error', 'silent']),
    stop_grace: Seconds,
    revocation_grace: Seconds,
    trusted_proxies: Type.Array(Type.String()),
    audit_retention: Type.Integer({ minimum: 1, maximum: 36_500 }),
    audit_reads: Type.Boolean(),
    tls: Type.Array(Type.Object({ certificate: Path, key: Path }, closed)),
    webdav: Type.Partial(Type.Object({ listen: Listeners }), closed),
    s3: Type.Partial(
      Type.Object({
        listen: Listeners,
        region: Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }),
        domains: Type.Array(Type.String({ minLength: 1 })),
        upload_days: Type.Integer({ minimum: 0, maximum: 3_650 }),
      }),
      closed,
    ),
    sftp: Type.Partial(
      Type.Object({
        listen: StreamListeners,
        require_native_crypto: Type.Boolean(),
        login_grace: Seconds,
        keep_lost_uploads: Type.Integer({ minimum: 0, maximum: 8_760 }),
        keep_lost_mib: Type.Integer({ minimum: 0 }),
      }),
      closed,
    ),
    ftp: Type.Partial(
      Type.Object({
        listen: FtpListeners,
        passive_ports: PortRange,
        external_address: Type.String({ minLength: 1 }),
        external_addresses: Type.Array(
          Type.Object({ network: Type.String(), address: Type.String({ minLength: 1 }) }, closed),
        ),
        require_tls: Type.Boolean(),
        require_session_reuse: Type.Boolean(),
        client_certificates: Type.Object({ ca: Path, required: Type.Optional(Type.Boolean()) }, closed),
        active: Type.Boolean(),
        login_grace: Seconds,
        idle_timeout: Seconds,
        max_connections: Count,
        max_connections_per_address: Count,
      }),
      closed,
    ),
    metrics: Type.Partial(Type.Object({ listen: Type.Array(Type.Object(Place, closed)) }), closed),
    rest: Type.Partial(
      Type.Object({
        listen: Listeners,
        cors_origins: Type.Array(Type.String({ pattern: '^(\\*|https?://[^/\\s]+)$' })),
        requests_per_minute: Type.Integer({ minimum: 0, maximum: 10_000_000 }),
      }),
      closed,
    ),
    console: Type.Partial(
      Type.Object({
        enabled: Type.Boolean(),
        idle: Type.Integer({ minimum: 60, maximum: 604_800 }),
        lifetime: Type.Integer({ minimum: 300, maximum: 2_592_000 }),
      }),
      closed,
    ),
    public_urls: Type.Partial(
      Type.Object({ webdav: PublicUrl, s3: PublicUrl, rest: PublicUrl, sftp: PublicUrl, ftp: PublicUrl }),
      closed,
    ),
  }),
  closed,
)

export type ConfigFile = Static<typeof ConfigSchema>
export type ListenFile = Static<typeof StreamListeners>[number] & {
  readonly tls?: boolean | 'implicit'
}
