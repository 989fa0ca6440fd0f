import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'

/** All of standard input without its last line end. A terminal is asked for one line, which it does not show. */
export async function readSecret(input: NodeJS.ReadStream, stderr: (text: string) => void): Promise<string> {
  if (!input.isTTY) return (await text(input)).replace(/\r?\n$/, '')
  stderr('Password (it is not shown): ')
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: silent, terminal: true })
  try {
    return await lines.question('')
  } finally {
    lines.close()
    stderr('\n')
  }
}
