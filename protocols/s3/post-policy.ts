import { S3Fault } from './errors.ts'

/** A policy that a form meets as far as its fields go; what is left is the size of its file. */
export type PostLimits = { readonly least: number; readonly most: number }

/** Fields that no condition has to speak of. */
const FREE: ReadonlySet<string> = new Set(['x-amz-signature', 'file', 'policy'])

type Condition =
  | { readonly kind: 'eq' | 'starts-with'; readonly field: string; readonly value: string }
  | { readonly kind: 'range'; readonly least: number; readonly most: number }

/**
 * Checks the fields of a form, the bucket among them, against its policy: base64 of JSON. Each field must be spoken
 * of by a condition, and each condition hold. Faults InvalidPolicyDocument; AccessDenied for what does not hold.
 */
export function checkPostPolicy(
  policy: string,
  fields: ReadonlyMap<string, string>,
  bucket: string,
  now: number,
): PostLimits {
  const document = readDocument(policy)
  if (now >= readExpiration(document.expiration)) throw refused('Policy expired.')
  if (!Array.isArray(document.conditions)) throw invalid('Missing conditions list.')
  const conditions = document.conditions.flatMap(readCondition)
  const given = new Map([...fields, ['bucket', bucket]])
  const limits = { least: 0, most: Number.POSITIVE_INFINITY }
  const covered = new Set<string>()
  for (const condition of conditions) {
    if (condition.kind === 'range') {
      limits.least = Math.max(limits.least, condition.least)
      limits.most = Math.min(limits.most, condition.most)
      continue
    }
    covered.add(condition.field)
    if (!holds(condition, given.get(condition.field) ?? '')) throw failed(condition)
  }
  for (const name of given.keys()) {
    if (!covered.has(name) && !FREE.has(name) && !name.startsWith('x-ignore-'))
      throw refused(`Extra input fields: ${name}`)
  }
  return limits
}

type Document = { readonly expiration?: unknown; readonly conditions?: unknown }

function readDocument(policy: string): Document {
  let document: unknown
  try {
    document = JSON.parse(Buffer.from(policy, 'base64').toString())
  } catch {
    throw invalid('Invalid JSON.')
  }
  if (typeof document !== 'object' || document === null) throw invalid('Invalid JSON.')
  return document
}

function readExpiration(text: unknown): number {
  if (text === undefined) throw invalid('Policy missing expiration.')
  const time =
    typeof text === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text)
      ? Date.parse(text)
      : Number.NaN
  if (Number.isNaN(time)) throw invalid(`Invalid 'expiration' value.`)
  return time
}

function readCondition(condition: unknown): Condition[] {
  if (Array.isArray(condition)) return [readList(condition)]
  if (typeof condition !== 'object' || condition === null) throw invalid('Invalid condition.')
  const pairs: [string, unknown][] = Object.entries(condition)
  if (pairs.length === 0) throw invalid('Invalid condition.')
  return pairs.map(([field, value]) => {
    if (typeof value !== 'string') throw invalid(`The value of ${field.slice(0, 100)} must be text.`)
    return { kind: 'eq', field: field.toLowerCase(), value }
  })
}

function readList([operator, first, second, ...more]: unknown[]): Condition {
  const kind = typeof operator === 'string' ? operator.toLowerCase() : ''
  if (more.length > 0 || first === undefined || second === undefined) throw invalid('Invalid condition.')
  if (kind === 'content-length-range') {
    const least = count(first)
    const most = count(second)
    if (least > most) throw invalid('Invalid content-length-range.')
    return { kind: 'range', least, most }
  }
  if ((kind !== 'eq' && kind !== 'starts-with') || typeof first !== 'string' || typeof second !== 'string') {
    throw invalid('Invalid condition.')
  }
  if (!first.startsWith('$')) throw invalid('A condition must name a field with $ before it.')
  return { kind, field: first.slice(1).toLowerCase(), value: second }
}

function count(value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
  throw invalid('content-length-range needs two numbers.')
}

function holds({ kind, field, value }: Exclude<Condition, { kind: 'range' }>, given: string): boolean {
  if (kind === 'eq') return given === value
  // A list of types begins as it should only when each of them does.
  if (field !== 'content-type') return given.startsWith(value)
  return given.split(',').every((one) => one.trim().startsWith(value))
}

function failed({ kind, field, value }: Exclude<Condition, { kind: 'range' }>): S3Fault {
  return refused(`Policy Condition failed: ${JSON.stringify([kind, `$${field}`, value]).slice(0, 500)}`)
}

function refused(why: string): S3Fault {
  return new S3Fault('AccessDenied', `Invalid according to Policy: ${why}`)
}

function invalid(why: string): S3Fault {
  return new S3Fault('InvalidPolicyDocument', `Invalid Policy: ${why}`)
}
