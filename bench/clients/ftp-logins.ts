import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/*
 * `ftp-logins.ts PORT LOGIN COUNT AT_ONCE plain|tls`, the password in PASSWORD. Logs in and says QUIT that many
 * times, and prints the milliseconds that took. With `tls`, AUTH TLS comes first, each time with a whole handshake.
 */

const [port = '', login = '', count = '0', atOnce = '1', mode = 'plain'] = process.argv.slice(2)
const password = process.env.PASSWORD ?? ''

/** Sends a line, if there is one, and waits for the reply that starts so. */
async function expectReply(socket: Socket, line: string, code: string): Promise<void> {
  if (line !== '') socket.write(`${line}\r\n`)
  let text = ''
  while (!/^\d{3} [^\n]*\n/m.test(text)) {
    const [chunk] = await once(socket, 'data')
    text += chunk
  }
  if (!text.startsWith(code)) throw new Error(`${line.split(' ')[0]}: ${text}`)
}

async function logIn(): Promise<void> {
  const plain = connect(Number(port), '127.0.0.1')
  plain.setNoDelay(true)
  await expectReply(plain, '', '220')
  let socket = plain
  if (mode === 'tls') {
    await expectReply(plain, 'AUTH TLS', '234')
    socket = connectTls({ socket: plain, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
  }
  await expectReply(socket, `USER ${login}`, '331')
  await expectReply(socket, `PASS ${password}`, '230')
  await expectReply(socket, 'QUIT', '221')
  socket.destroy()
}

let left = Number(count)

async function worker(): Promise<void> {
  while (left > 0) {
    left -= 1
    await logIn()
  }
}

const from = performance.now()
await Promise.all(Array.from({ length: Number(atOnce) }, worker))
console.log((performance.now() - from).toFixed(1))
process.exit(0)
