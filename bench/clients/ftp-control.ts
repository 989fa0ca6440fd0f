import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'

export type Mode = 'plain' | 'tls'

/** A logged-in control connection. */
export type Control = {
  /** Set with TLS: what data connections resume. */
  readonly secured: TLSSocket | null
  /** Sends a line and resolves to its reply; rejects when that does not begin with `code`. */
  ask(line: string, code: string): Promise<string>
  /** The next reply, to nothing that is sent now. */
  expect(code: string): Promise<string>
  close(): void
}

const CIPHERS = { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const

/** `resumes`: with one cipher and TLS 1.2, so that data connections of any server can resume the session. */
export async function logIn(
  { port, login, password }: { port: number; login: string; password: string },
  mode: Mode,
  { resumes = false } = {},
): Promise<Control> {
  const plain = connect(port, '127.0.0.1')
  plain.setNoDelay(true)
  let talk = talking(plain)
  await talk.expect('220')
  let secured: TLSSocket | null = null
  if (mode === 'tls') {
    await talk.ask('AUTH TLS', '234')
    plain.removeAllListeners('data')
    secured = connectTls({ socket: plain, rejectUnauthorized: false, ...(resumes ? CIPHERS : {}) })
    await once(secured, 'secureConnect')
    talk = talking(secured)
  }
  await talk.ask(`USER ${login}`, '331')
  await talk.ask(`PASS ${password}`, '230')
  return { ...talk, secured }
}

/** A data connection in extended passive mode, protected when the control connection is. */
export async function openData({ ask, secured }: Control): Promise<Socket> {
  const reply = await ask('EPSV', '229')
  const [, port = ''] = /\|\|\|(\d+)\|/.exec(reply) ?? []
  const plain = connect(Number(port), '127.0.0.1')
  plain.setNoDelay(true)
  if (secured === null) return plain
  const session = secured.getSession()
  return connectTls({ socket: plain, rejectUnauthorized: false, ...CIPHERS, ...(session ? { session } : {}) })
}

function talking(socket: Socket): Omit<Control, 'secured'> {
  let text = ''
  let wake = () => {}
  socket.on('data', (chunk) => {
    text += chunk
    wake()
  })
  // A connection that ends leaves its reader waiting: the process ends without having printed anything.
  socket.on('error', () => socket.destroy())

  async function expect(code: string): Promise<string> {
    for (;;) {
      const last = /^\d{3} [^\n]*\n/m.exec(text)
      if (last !== null) {
        const reply = text.slice(0, last.index + last[0].length)
        text = text.slice(reply.length)
        if (!reply.startsWith(code)) throw new Error(`not ${code}: ${reply}`)
        return reply
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }

  return {
    expect,
    ask(line, code) {
      socket.write(`${line}\r\n`)
      return expect(code)
    },
    close: () => void socket.destroy(),
  }
}
