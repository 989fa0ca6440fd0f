import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Import, importsOf, PROJECT, readImports } from './imports.ts'

type Rule = {
  /** Files this rule speaks of. */
  readonly from: RegExp
  /** What they may import of the project, besides their own folder and the faults. */
  readonly may: readonly RegExp[]
  /** Packages they may import, besides Node's own modules. */
  readonly packages?: readonly RegExp[]
  readonly because: string
}

const TYPES =
  /^src\/(credentials|identity|files|audit)\/(ports|types|gate|proof|locks|metadata|multipart)\.ts$/
const PERMISSIONS = /^src\/permissions\//

const RULES: readonly Rule[] = [
  {
    from: /^src\/permissions\//,
    may: [],
    because: 'policy must be testable in microseconds and readable by an auditor',
  },
  {
    from: /^src\/(credentials|files|audit)\//,
    may: [PERMISSIONS, TYPES],
    because: 'policy knows no database and no protocol',
  },
  {
    from: /^src\/identity\//,
    may: [
      PERMISSIONS,
      TYPES,
      /^src\/credentials\/(values|sealing|passwords|ssh-public-key|totp|recovery)\.ts$/,
    ],
    because: 'use cases make values and seal secrets, but know no database and no protocol',
  },
  {
    from: /^src\/records\//,
    may: [PERMISSIONS, TYPES, /^src\/audit\/chain\.ts$/],
    packages: [/^kysely$/, /^better-sqlite3$/, /^pg$/],
    because:
      'there is one place for SQL, and it knows only the ports that it implements, and how the audit is chained',
  },
  {
    from: /^src\/net\//,
    may: [/^src\/files\/types\.ts$/],
    packages: [/^saxes$/, /^mime-types$/],
    because: 'HTTP helpers are shared by doors and know none of them',
  },
  {
    from: /^protocols\/rest\//,
    may: [/^protocols\/protocol\.ts$/, /^src\/net\//, /^src\/identity\//, PERMISSIONS, TYPES],
    packages: [/^fastify$/, /^typebox/, /^@fastify\//, /^mime-types$/],
    because: 'the admin API calls the same use cases as the command line, and nothing below them',
  },
  {
    from: /^protocols\/console\//,
    may: [/^protocols\/protocol\.ts$/, /^src\/net\//, /^src\/identity\//, PERMISSIONS, TYPES],
    packages: [/^uqr$/],
    because: 'the console calls the same use cases as the admin API, and nothing below them',
  },
  {
    from: /^protocols\/[a-z0-9]+\//,
    may: [
      /^protocols\/protocol\.ts$/,
      /^src\/net\//,
      /^src\/credentials\/address-group\.ts$/,
      PERMISSIONS,
      TYPES,
    ],
    packages: [/^ssh2/, /^mime-types$/],
    because: 'a door cannot reach records or an unrestricted file system, so it cannot forget a check',
  },
  {
    from: /^protocols\/protocol\.ts$/,
    may: [TYPES, /^src\/net\/certificates\.ts$/],
    because: 'doors can be removed',
  },
]

// These see everything, and nobody imports them.
const TOP = /^src\/(server|cli)\/|^src\/main\.ts$/

function violations(imports: readonly Import[]): string[] {
  return imports.flatMap((one) => {
    const problem = problemOf(one)
    return problem === null ? [] : [`${one.file} imports ${one.target}: ${problem}`]
  })
}

function problemOf({ file, target }: Import): string | null {
  if (target.startsWith('node:') || target === 'src/faults.ts') return null
  if (TOP.test(target) && !TOP.test(file)) return 'server, cli and main are imported by nobody'
  if (TOP.test(file)) return null
  const rule = RULES.find(({ from }) => from.test(file))
  if (rule === undefined) return 'no rule speaks of this file'
  const inProject = /^(src|protocols|test)\//.test(target)
  if (!inProject) return rule.packages?.some((allowed) => allowed.test(target)) ? null : rule.because
  if (folderOf(target) === folderOf(file)) return null
  return rule.may.some((allowed) => allowed.test(target)) ? null : rule.because
}

function folderOf(file: string): string {
  return file.split('/').slice(0, 2).join('/')
}

describe('architecture', () => {
  test('every import in src and protocols follows the table', async () => {
    const imports = (await readImports(['src', 'protocols'])).filter(({ file }) => file !== 'src/faults.ts')
    expect(imports.length).toBeGreaterThan(50)
    expect(violations(imports)).toEqual([])
  })

  test('the check bites: each forbidden import is found and explained', () => {
    const forbidden: [string, string][] = [
      ['src/permissions/decide.ts', "import { x } from '#files/types.ts'"],
      ['src/credentials/judge.ts', "import { x } from '#records/open.ts'"],
      ['src/files/tree.ts', "import { sql } from 'kysely'"],
      ['src/records/open.ts', "import { x } from '#identity/keys.ts'"],
      ['protocols/ftp/door.ts', "import type { X } from '#files/service.ts'"],
      ['protocols/ftp/door.ts', "import { x } from '../sftp/door.ts'"],
      ['protocols/s3/door.ts', "import { x } from '#credentials/create-gate.ts'"],
      ['protocols/webdav/door.ts', "const x = await import('#records/open.ts')"],
      ['protocols/rest/door.ts', "import '#server/serve.ts'"],
      ['src/net/ranges.ts', "export { x } from '#protocols/s3/door.ts'"],
    ]
    for (const [file, text] of forbidden) expect(violations(importsOf(file, text)), file).toHaveLength(1)
  })

  test('what the table allows passes', () => {
    const allowed: [string, string][] = [
      [
        'protocols/ftp/door.ts',
        "import type { Gate } from '#credentials/gate.ts'\nimport net from 'node:net'",
      ],
      ['src/records/open.ts', "import type { X } from '#files/ports.ts'\nimport { sql } from 'kysely'"],
      ['src/server/serve.ts', "import { x } from '#records/open.ts'"],
    ]
    for (const [file, text] of allowed) expect(violations(importsOf(file, text)), file).toEqual([])
  })

  test('each protocol folder has its door and its fault table', async () => {
    for (const entry of await readdir(join(PROJECT, 'protocols'), { withFileTypes: true })) {
      if (!entry.isDirectory()) continue
      const files = await readdir(join(PROJECT, 'protocols', entry.name))
      expect(files, entry.name).toEqual(expect.arrayContaining(['door.ts', 'faults.ts']))
    }
  })
})
