import { Fault } from '#faults'
import { localMounts, type OpenMount } from '#files/mount-table.ts'

/** When a call of a mount fails: before it did anything, or after it did everything; null lets it be. */
export type Failure = 'before' | 'after' | null
/** Asked before each call: `find`, `open`, `staged.write`, `trash.put`, `file.read` … */
export type Failures = (call: string) => Failure

/** Folders of this machine on a disk with input/output errors. */
export function failingMounts(failures: Failures): OpenMount {
  const openMount = localMounts()
  return (record, onError) => failing(openMount(record, onError), '', failures)
}

/** Calls whose result has calls of its own. */
const MAKES: ReadonlyMap<string, string> = new Map([
  ['open', 'file.'],
  ['parts.open', 'file.'],
  ['parts.stage', 'stagedPart.'],
  ['stage', 'staged.'],
  ['stageFolder', 'stagedFolder.'],
  ['lost.resume', 'staged.'],
])

function failing<T extends object>(target: T, prefix: string, failures: Failures): T {
  return new Proxy(target, {
    get(inner, property) {
      const value: unknown = Reflect.get(inner, property)
      if (typeof value === 'function') {
        if (typeof property === 'symbol') return value.bind(inner)
        if (AT_ONCE.has(property)) {
          return (...args: unknown[]) =>
            callAtOnce(() => value.apply(inner, args), prefix + property, failures)
        }
        return (...args: unknown[]) => call(() => value.apply(inner, args), prefix + property, failures)
      }
      const isPart =
        typeof value === 'object' && value !== null && ['trash', 'lost', 'parts'].includes(String(property))
      return isPart ? failing(value, `${String(property)}.`, failures) : value
    },
  })
}

/** Calls that are over when they return. */
const AT_ONCE: ReadonlySet<string> = new Set(['sendTo', 'receiveFrom'])

function callAtOnce(work: () => unknown, name: string, failures: Failures): unknown {
  const failure = failures(name)
  if (failure === 'before') throw ioError()
  const result = work()
  if (failure === 'after') throw ioError()
  return result
}

async function call(work: () => Promise<unknown>, name: string, failures: Failures): Promise<unknown> {
  const failure = failures(name)
  if (failure === 'before') throw ioError()
  const result = await work()
  if (failure === 'after') {
    if (isDisposable(result)) await result[Symbol.asyncDispose]()
    throw ioError()
  }
  const made = MAKES.get(name)
  return made === undefined || typeof result !== 'object' || result === null
    ? result
    : failing(result, made, failures)
}

function isDisposable(value: unknown): value is AsyncDisposable {
  return typeof value === 'object' && value !== null && Symbol.asyncDispose in value
}

/** What a mount makes of EIO. */
function ioError(): Fault {
  return new Fault('unavailable', 'the storage cannot do this now', {
    cause: Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }),
  })
}
