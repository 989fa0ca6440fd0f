import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

// Of /proc/<pid>/stat behind the name, which may hold spaces and brackets: fields 3 and 22. A process's number is used
// again, together with its start it is not.
const STATE = 0
const START = 19

const living = new Set<string>()

/** A name for what this process stages in one mount: `<pid>.<start>.<random>`. */
export function newInstance(): string {
  const name = `${process.pid}.${fieldsOf(process.pid)?.[START] ?? '0'}.${randomBytes(6).toString('hex')}`
  living.add(name)
  return name
}

export function forgetInstance(name: string): void {
  living.delete(name)
}

/**
 * True while the process that made the name runs. A second server started by mistake on the same folder must not
 * sweep away what the first one is receiving.
 */
export function isAlive(name: string): boolean {
  if (living.has(name)) return true
  const [pidText = '', start] = name.split('.')
  const pid = Number(pidText)
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const fields = fieldsOf(pid)
  if (fields === null) return true
  return fields[START] === start && !hasEnded(pid, fields)
}

/** One that nobody has asked for its exit code yet, and none of whose threads runs any more. */
function hasEnded(pid: number, fields: readonly string[]): boolean {
  if (fields[STATE] !== 'Z') return false
  try {
    return readdirSync(`/proc/${pid}/task`).length <= 1
  } catch {
    return true
  }
}

function fieldsOf(pid: number): readonly string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}
