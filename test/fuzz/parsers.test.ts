import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readLoginForm } from '#credentials/login-form.ts'
import { newKeyId, newKeyValue, readValue } from '#credentials/values.ts'
import { Fault } from '#faults'
import { parseRanges } from '#net/ranges.ts'
import { parseXml } from '#net/xml.ts'
import { parsePath, segments } from '#permissions/path.ts'
import { parseIf } from '#protocols/webdav/if-header.ts'
import { ConfigError, parseConfig } from '#server/config.ts'
import { PROJECT } from '../imports.ts'
import { seededRandom } from '../seeded.ts'
import { timeBoxed } from './box.ts'
import { mutateText } from './mutate.ts'

type Target = {
  readonly name: string
  readonly seeds: readonly string[]
  /** Parses, and checks what came out. */
  parse(text: string): void
  /** Errors that are answers to bad input. */
  readonly refusals: readonly (abstract new (
    ...args: never[]
  ) => Error)[]
}

const HANG_MS = 1_000
const value = newKeyValue(newKeyId())

const TARGETS: readonly Target[] = [
  {
    name: 'virtual paths',
    seeds: ['/a/b c/ü', '/a/../b', '/.latchkey/x', '//', '/a/./b/'],
    parse(text) {
      const path = parsePath(text)
      expect(segments(path).some((name) => name === '..' || name === '.' || name.includes('\0'))).toBe(false)
    },
    refusals: [Fault],
  },
  {
    name: 'key values',
    seeds: [value, `${value}x`, 'lk_', 'a chosen one'],
    parse(text) {
      const read = readValue(text)
      if (read.kind === 'generated') expect(text).toContain(read.keyId)
    },
    refusals: [],
  },
  {
    name: 'login names',
    seeds: ['@api-backup', 'api-12345678', '@api-', 'anna', '@api-@api-x'],
    parse(text) {
      const proof = { kind: 'password', login: text, password: text } as const
      for (const door of ['webdav', 'sftp', 'ftp'] as const) readLoginForm({ proof, door })
    },
    refusals: [],
  },
  {
    name: 'XML',
    seeds: [
      '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><x xmlns="urn:x" a="b">&amp;</x></D:prop></D:propfind>',
      '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
      '<a><![CDATA[x]]><!-- y --><?z?></a>',
    ],
    parse: (text) => void parseXml(text),
    refusals: [Fault],
  },
  {
    name: 'If headers (RFC 4918 §10.4)',
    seeds: ['(<urn:uuid:1> ["etag"])', '<http://x/a> (Not <DAV:no-lock>) (["a"])', '()'],
    parse: (text) => void parseIf(text),
    refusals: [Fault],
  },
  {
    name: 'ranges',
    seeds: ['bytes=0-1', 'bytes=-5', 'bytes=0-0,5-,9-9', 'bytes=18446744073709551616-'],
    parse(text) {
      const ranges = parseRanges(text, 100)
      expect(JSON.stringify(ranges).length).toBeLessThan(10_000)
    },
    refusals: [],
  },
  {
    name: 'configuration',
    seeds: [await readFile(join(PROJECT, 'config/latchkey.example.yaml'), 'utf8')],
    parse: (text) => void parseConfig(text, 'fuzz'),
    refusals: [ConfigError],
  },
]

describe('hostile input to parsers: an answer or a refusal within a second, nothing else', () => {
  for (const { name, seeds, parse, refusals } of TARGETS) {
    test(name, async () => {
      const random = seededRandom()
      let slowest = 0
      const count = await timeBoxed(() => {
        const text = mutateText(random.pick(seeds), random)
        // Not what other processes of a busy machine take.
        const from = process.threadCpuUsage()
        try {
          parse(text)
        } catch (error) {
          if (!refusals.some((refusal) => error instanceof refusal)) {
            throw new Error(`on ${JSON.stringify(text.slice(0, 2_000))}`, { cause: error })
          }
        }
        const { user, system } = process.threadCpuUsage(from)
        slowest = Math.max(slowest, (user + system) / 1_000)
      })
      console.log(`${name}: ${count} inputs, the slowest ${slowest.toFixed(0)} ms`)
      expect(slowest).toBeLessThan(HANG_MS)
    })
  }
})
