import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'

const living = new Set<string>()

/** A name for what this process stages in one mount: `<pid>.<start>.<random>`. */
export function newInstance(): string {
  const name = `${process.pid}.${startOf(process.pid) ?? '0'}.${randomBytes(6).toString('hex')}`
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
  const now = startOf(pid)
  return now === null || now === start
}

// Field 22 of /proc/<pid>/stat: when the process started. A number is used again, together with a start it is not.
// The name in field 2 may hold spaces and brackets: count from behind it.
function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
