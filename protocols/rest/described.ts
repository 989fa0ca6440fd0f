import { Type } from 'typebox'
import Value from 'typebox/value'

/* The API's description (OpenAPI 3.1), read for people. */

/** Something that is sent or answered. `type` in words, such as `string or null`. */
export type Field = {
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly description: string
}

export type Operation = {
  /** Upper case. */
  readonly method: string
  readonly path: string
  readonly summary: string
  readonly description: string
  /** A key has to be presented. */
  readonly needsKey: boolean
  readonly parameters: readonly (Field & { readonly place: string })[]
  readonly body: readonly Field[]
  /** Of success. */
  readonly answer: { readonly status: string; readonly fields: readonly Field[] }
}

export type Section = { readonly name: string; readonly operations: readonly Operation[] }

const Unknowns = Type.Record(Type.String(), Type.Unknown())
const Text = Type.Optional(Type.String())
const Content = Type.Optional(Type.Record(Type.String(), Type.Object({ schema: Type.Optional(Unknowns) })))
const OperationSchema = Type.Object({
  tags: Type.Optional(Type.Array(Type.String())),
  summary: Text,
  description: Text,
  security: Type.Optional(Type.Array(Unknowns)),
  parameters: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        in: Type.String(),
        required: Type.Optional(Type.Boolean()),
        description: Text,
        schema: Type.Optional(Unknowns),
      }),
    ),
  ),
  requestBody: Type.Optional(Type.Object({ content: Content })),
  responses: Type.Record(Type.String(), Type.Object({ content: Content })),
})
const ApiSchema = Type.Object({
  paths: Type.Record(Type.String(), Type.Record(Type.String(), OperationSchema)),
})
const FieldsSchema = Type.Object({
  properties: Type.Record(Type.String(), Unknowns),
  required: Type.Optional(Type.Array(Type.String())),
})
const ChoiceSchema = Type.Object({ anyOf: Type.Array(Unknowns) })
const EnumSchema = Type.Object({ enum: Type.Array(Type.Unknown()) })
const ArraySchema = Type.Object({ type: Type.Literal('array'), items: Unknowns })

const ORDER = ['files', 'keys', 'users', 'groups', 'grants', 'mounts', 'sites', 'sessions', 'audit', 'health']

/** The operations by subject. Throws Error for what is no description of ours. */
export function readApi(api: unknown): readonly Section[] {
  if (!Value.Check(ApiSchema, api)) throw new Error('this is no OpenAPI description')
  const sections = new Map<string, Operation[]>(ORDER.map((name) => [name, []]))
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const name = operation.tags?.[0] ?? 'other'
      const section = sections.get(name) ?? []
      section.push(operationOf(method.toUpperCase(), path, operation))
      sections.set(name, section)
    }
  }
  return [...sections]
    .map(([name, operations]) => ({ name, operations }))
    .filter(({ operations }) => operations.length > 0)
}

type RawOperation = Type.Static<typeof OperationSchema>

function operationOf(method: string, path: string, raw: RawOperation): Operation {
  const [status = '', answer] = Object.entries(raw.responses).find(([code]) => code.startsWith('2')) ?? []
  return {
    method,
    path,
    summary: raw.summary ?? '',
    description: raw.description ?? '',
    needsKey: (raw.security ?? []).length > 0,
    parameters: (raw.parameters ?? []).map((one) => ({
      name: one.name,
      place: one.in,
      type: typeWords(one.schema ?? {}),
      required: one.required ?? false,
      description: one.description ?? descriptionOf(one.schema ?? {}),
    })),
    body: fieldsOf(schemaOf(raw.requestBody?.content)),
    answer: { status, fields: fieldsOf(schemaOf(answer?.content)) },
  }
}

function schemaOf(content: Type.Static<typeof Content> | undefined): Record<string, unknown> {
  const [first] = Object.values(content ?? {})
  return first?.schema ?? {}
}

function fieldsOf(schema: Record<string, unknown>): readonly Field[] {
  if (Value.Check(ChoiceSchema, schema)) return fieldsOf(schema.anyOf[0] ?? {})
  if (!Value.Check(FieldsSchema, schema)) return []
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties).map(([name, property]) => ({
    name,
    type: typeWords(property),
    required: required.has(name),
    description: descriptionOf(property),
  }))
}

function descriptionOf(schema: Record<string, unknown>): string {
  if (typeof schema.description === 'string') return schema.description
  return Value.Check(ChoiceSchema, schema)
    ? (schema.anyOf.map(descriptionOf).find((text) => text !== '') ?? '')
    : ''
}

function typeWords(schema: Record<string, unknown>): string {
  if (Value.Check(ChoiceSchema, schema)) return [...new Set(schema.anyOf.map(typeWords))].join(' or ')
  if (Value.Check(EnumSchema, schema)) return schema.enum.map((one) => JSON.stringify(one)).join(' or ')
  if (Value.Check(ArraySchema, schema)) {
    const items = Value.Check(FieldsSchema, schema.items)
      ? `objects with ${Object.keys(schema.items.properties).join(', ')}`
      : typeWords(schema.items)
    return `list of ${items}`
  }
  if (Value.Check(FieldsSchema, schema)) return `object with ${Object.keys(schema.properties).join(', ')}`
  return typeof schema.type === 'string' ? schema.type : 'anything'
}
