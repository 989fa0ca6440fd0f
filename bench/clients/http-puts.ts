import { Agent, request } from 'node:http'

export type Target = { readonly port: number; readonly login: string; readonly value: string }

/** Uploads `count` files of the same content over `connections` kept connections; rejects at the first refusal. */
export async function putMany(
  { port, login, value }: Target,
  pathOf: (index: number) => string,
  { content, count, connections }: { content: Buffer; count: number; connections: number },
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const authorization = `Basic ${Buffer.from(`${login}:${value}`).toString('base64')}`
  const headers = { authorization, 'content-length': content.length }
  const put = (path: string) =>
    new Promise<void>((resolve, reject) => {
      const sending = request({ host: '127.0.0.1', port, agent, method: 'PUT', path, headers })
      sending.on('error', reject)
      sending.on('response', (response) => {
        response.resume()
        if (response.statusCode !== 201) reject(new Error(`PUT ${path} was answered ${response.statusCode}`))
        response.on('end', resolve)
      })
      sending.end(content)
    })
  let next = 0
  const work = async () => {
    while (next < count) await put(pathOf(next++))
  }
  try {
    await Promise.all(Array.from({ length: connections }, work))
  } finally {
    agent.destroy()
  }
}
