import { type Static, Type } from 'typebox'
import { Fault } from '#faults'
import type { ConditionsInput } from '#identity/condition-rules.ts'
import { parseInstant } from '#identity/times.ts'

const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

const Ranges = (description: string) =>
  Type.Array(Type.String({ maxLength: 64 }), { maxItems: 100, description })

const Window = Type.Object(
  {
    days: Type.Array(Type.String({ maxLength: 3 }), { maxItems: 7, description: 'sun, mon, tue …' }),
    from: Type.String({ maxLength: 5, examples: ['08:00'] }),
    to: Type.String({ maxLength: 5, description: 'Not included; 24:00 for midnight', examples: ['18:00'] }),
    zone: Type.String({ maxLength: 64, description: 'IANA time zone', examples: ['Europe/Vienna'] }),
  },
  { additionalProperties: false },
)

const FIELDS = {
  allow: Nullable(Ranges('Addresses or CIDR ranges: the client’s has to be in one of them')),
  deny: Nullable(Ranges('Addresses or CIDR ranges: the client’s may be in none of them')),
  doors: Nullable(Type.Array(Type.String({ maxLength: 10 }), { maxItems: 5 })),
  windows: Nullable(Type.Array(Window, { maxItems: 100, description: 'The time has to be in one of them' })),
  not_before: Nullable(
    Type.String({ maxLength: 40, description: 'ISO 8601 date or date and time with a time zone' }),
  ),
}

/** Conditions in answers (REQUIREMENTS.md, K11); null restricts nothing. */
export const ConditionsSchema = Type.Object(FIELDS, { description: 'All of them must hold' })

/** Conditions in requests: absent leaves as it is, null lifts. */
export const ConditionChangesSchema = Type.Partial(Type.Object(FIELDS), {
  additionalProperties: false,
  description: 'All of them must hold. Absent leaves as it is, null lifts',
})

/** Conditions of a request's body, as the use cases take them. Fault: invalid. */
export function conditionsIn(
  body: Static<typeof ConditionChangesSchema> | undefined,
): ConditionsInput | undefined {
  if (body === undefined) return undefined
  const { not_before, ...rest } = body
  return { ...rest, notBefore: readInstant(not_before) }
}

function readInstant(text: string | null | undefined): number | null | undefined {
  if (text === undefined || text === null) return text
  const at = parseInstant(text)
  if (at === null) throw new Fault('invalid', 'not_before is an ISO 8601 time with a time zone, or null')
  return at
}
