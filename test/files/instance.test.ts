import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { forgetInstance, isAlive, newInstance } from '#files/mounts/local/instance.ts'

function startOf(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function stateOf(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3)
}

test('instance: this process and others that run are alive, a number that is used again is not', () => {
  const own = newInstance()
  expect(isAlive(own)).toBe(true)
  forgetInstance(own)
  expect(isAlive(own)).toBe(false)
  const parent = process.ppid
  expect(isAlive(`${parent}.${startOf(parent)}.abc`)).toBe(true)
  expect(isAlive(`${parent}.${Number(startOf(parent)) + 1}.abc`)).toBe(false)
  expect(['', 'x.1.abc', '0.1.abc', '-1.1.abc', '4194305.1.abc'].filter(isAlive)).toEqual([])
})

test('instance: a process that has ended is not alive, though nobody asked for its exit code yet', async () => {
  // What `sleep` inherits it never waits for.
  const shell = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 30'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    for await (const line of createInterface({ input: shell.stdout })) {
      const pid = Number(line)
      const name = `${pid}.${startOf(pid)}.abc`
      await expect.poll(() => stateOf(pid)).toBe('Z')
      expect(isAlive(name)).toBe(false)
      break
    }
  } finally {
    shell.kill('SIGKILL')
  }
})
