import { logIn } from './ftp-control.ts'

/*
 * `ftp-logins.ts PORT LOGIN COUNT AT_ONCE plain|tls`, the password in PASSWORD. Logs in and says QUIT that many
 * times, and prints the milliseconds that took. With `tls`, AUTH TLS comes first, each time with a whole handshake.
 */

const [port, login = '', count, atOnce, mode] = process.argv.slice(2)
const password = process.env.PASSWORD ?? ''

let left = Number(count)

async function worker(): Promise<void> {
  while (left > 0) {
    left -= 1
    const control = await logIn({ port: Number(port), login, password }, mode === 'tls' ? 'tls' : 'plain')
    await control.ask('QUIT', '221')
    control.close()
  }
}

const from = performance.now()
await Promise.all(Array.from({ length: Number(atOnce) }, worker))
console.log((performance.now() - from).toFixed(1))
process.exit(0)
