import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { logIn, openData } from './ftp-control.ts'

/*
 * `ftp-files.ts PORT LOGIN get|put FOLDER LOCAL AT_ONCE plain|tls`, the password in PASSWORD. Transfers the files that
 * LOCAL names, over that many kept connections, and prints the milliseconds that took.
 *
 * Not curl: its version 7.88 waits for up to a second when the reply to EPSV comes at once, which happens more often
 * the faster the server is.
 */

const [port, login = '', way, folder = '', local = '', atOnce, mode] = process.argv.slice(2)
const password = process.env.PASSWORD ?? ''

const names = await readdir(local)
const secure = mode === 'tls' ? 'tls' : 'plain'

async function worker(): Promise<void> {
  const control = await logIn({ port: Number(port), login, password }, secure, { resumes: true })
  if (secure === 'tls') {
    await control.ask('PBSZ 0', '200')
    await control.ask('PROT P', '200')
  }
  await control.ask('TYPE I', '200')
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    const data = await openData(control)
    const bytes = await readFile(join(local, name))
    await control.ask(`${way === 'put' ? 'STOR' : 'RETR'} ${folder}/${name}`, '1')
    if (way === 'put') data.end(bytes)
    else data.resume()
    await control.expect('226')
    data.destroy()
  }
  control.close()
}

const from = performance.now()
await Promise.all(Array.from({ length: Number(atOnce) }, worker))
console.log((performance.now() - from).toFixed(1))
process.exit(0)
