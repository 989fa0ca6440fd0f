import { readdir, readFile } from 'node:fs/promises'

export type Usage = {
  /** User and system seconds since the watch began, of processes that ended in between too. */
  readonly cpuSeconds: number
  /** MiB of anonymous memory, the highest of samples taken all 100 ms. */
  readonly peakMemory: number
}

export type Watch = { end(): Promise<Usage> }

/** Clock ticks a second in `/proc/PID/stat` (proc(5)); 100 on every Linux that Node runs on. */
const TICKS = 100
const SAMPLE_MS = 100

/** Watches processes and their descendants. */
export async function watchProcesses(pids: readonly number[]): Promise<Watch> {
  let peak = 0
  let usage: Usage | null = null
  const before = await cpuTicks(pids)
  const sample = async () => {
    peak = Math.max(peak, await anonymousMemory(pids))
  }
  await sample()
  const timer = setInterval(() => void sample(), SAMPLE_MS)
  return {
    async end() {
      if (usage !== null) return usage
      clearInterval(timer)
      await sample()
      const cpuSeconds = ((await cpuTicks(pids)) - before) / TICKS
      usage = { cpuSeconds, peakMemory: peak / 1024 }
      return usage
    },
  }
}

async function cpuTicks(pids: readonly number[]): Promise<number> {
  let sum = 0
  for (const pid of await withDescendants(pids)) {
    const fields = await statFields(pid)
    // utime, stime, and those of children that ended and were waited for: cutime, cstime.
    for (const at of [11, 12, 13, 14]) sum += Number(fields[at] ?? 0)
  }
  return sum
}

async function anonymousMemory(pids: readonly number[]): Promise<number> {
  let kib = 0
  for (const pid of await withDescendants(pids)) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    kib += Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  }
  return kib
}

/** The fields of `/proc/PID/stat` after the command's name; empty when the process is gone. */
async function statFields(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

async function withDescendants(pids: readonly number[]): Promise<number[]> {
  const found: number[] = []
  const waiting = [...pids]
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    found.push(pid)
    for (const thread of await readdir(`/proc/${pid}/task`).catch(() => [])) {
      const text = await readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')
      waiting.push(...text.split(' ').filter(Boolean).map(Number))
    }
  }
  return found
}
