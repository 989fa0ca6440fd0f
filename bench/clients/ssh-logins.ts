import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import ssh2, { type ConnectConfig } from 'ssh2'

/*
 * `ssh-logins.ts PORT LOGIN COUNT AT_ONCE hold|close`, the password in PASSWORD or the file of a private key in
 * KEY_FILE. Opens that many SFTP sessions, prints the milliseconds that took, and with `hold` keeps them until
 * its standard input ends.
 */

const [port = '', login = '', count = '0', atOnce = '1', mode = 'close'] = process.argv.slice(2)
const { PASSWORD, KEY_FILE } = process.env
const proof: ConnectConfig =
  KEY_FILE === undefined ? { password: PASSWORD ?? '' } : { privateKey: readFileSync(KEY_FILE) }

function open(): Promise<ssh2.Client> {
  const client = new ssh2.Client()
  return new Promise((resolve, reject) => {
    client.once('error', reject)
    client.once('ready', () =>
      client.subsys('sftp', (error) => (error === undefined ? resolve(client) : reject(error))),
    )
    client.connect({ host: '127.0.0.1', port: Number(port), username: login, ...proof })
  })
}

const held: ssh2.Client[] = []
let left = Number(count)

async function worker(): Promise<void> {
  while (left > 0) {
    left -= 1
    const client = await open()
    if (mode === 'hold') held.push(client)
    else client.end()
  }
}

const from = performance.now()
await Promise.all(Array.from({ length: Number(atOnce) }, worker))
console.log((performance.now() - from).toFixed(1))
if (mode === 'hold') for await (const _ of createInterface({ input: process.stdin }));
for (const client of held) client.destroy()
process.exit(0)
