import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PROJECT } from '../imports.ts'

test('npm start and the command latchkey give Node the same flags', async () => {
  const { scripts } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8'))
  const flags = scripts.start.split(' ').slice(1, -2)
  const command = await readFile(join(PROJECT, 'bin/latchkey.js'), 'utf8')
  expect(flags).toEqual(['--max-semi-space-size=8'])
  expect(command).toContain(`const flags = ['${flags.join("', '")}']\n`)
})
