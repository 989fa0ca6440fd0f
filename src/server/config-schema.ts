import Type, { type Static } from 'typebox'

const closed = { additionalProperties: false }

const Listen = Type.Object(
  {
    address: Type.Optional(Type.String({ minLength: 1 })),
    port: Type.Integer({ minimum: 0, maximum: 65535 }),
    site: Type.Optional(Type.String({ minLength: 1 })),
  },
  closed,
)

const Listeners = Type.Array(Listen)
const StreamListeners = Type.Array(
  Type.Object({ ...Listen.properties, proxy_protocol: Type.Optional(Type.Boolean()) }, closed),
)
const Seconds = Type.Integer({ minimum: 0, maximum: 86_400 })
const PortRange = Type.String({ pattern: '^\\d{1,5}-\\d{1,5}$' })

/** The configuration file as it is written; every field may be left out. */
export const ConfigSchema = Type.Partial(
  Type.Object({
    data: Type.String({ minLength: 1 }),
    log_level: Type.Enum(['debug', 'info', 'warn', 'error', 'silent']),
    stop_grace: Seconds,
    revocation_grace: Seconds,
    trusted_proxies: Type.Array(Type.String()),
    audit_retention: Type.Integer({ minimum: 1, maximum: 36_500 }),
    audit_reads: Type.Boolean(),
    webdav: Type.Partial(Type.Object({ listen: Listeners }), closed),
    s3: Type.Partial(
      Type.Object({
        listen: Listeners,
        region: Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }),
        domains: Type.Array(Type.String({ minLength: 1 })),
      }),
      closed,
    ),
    sftp: Type.Partial(
      Type.Object({ listen: StreamListeners, require_native_crypto: Type.Boolean(), login_grace: Seconds }),
      closed,
    ),
    ftp: Type.Partial(
      Type.Object({
        listen: StreamListeners,
        passive_ports: PortRange,
        external_address: Type.String({ minLength: 1 }),
        require_tls: Type.Boolean(),
        tls_key: Type.String({ minLength: 1 }),
        tls_certificate: Type.String({ minLength: 1 }),
      }),
      closed,
    ),
    rest: Type.Partial(Type.Object({ listen: Listeners }), closed),
  }),
  closed,
)

export type ConfigFile = Static<typeof ConfigSchema>
export type ListenFile = Static<typeof StreamListeners>[number]
