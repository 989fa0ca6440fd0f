import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { cutOn } from '#net/closing.ts'
import { type HttpHandler, type RunningHttpServer, startHttpServer } from '#net/http-server.ts'

const errors: unknown[] = []
const log = { debug() {}, error: (fields: object) => void errors.push(fields) }
const servers: RunningHttpServer[] = []

async function serve(handler: HttpHandler, options: { idleTimeout?: number; headersTimeout?: number } = {}) {
  const server = await startHttpServer(handler, { address: '127.0.0.1', port: 0, log, ...options })
  servers.push(server)
  return server.port
}

afterEach(async () => {
  errors.length = 0
  for (const server of servers.splice(0)) await server.stop(AbortSignal.abort())
})

const hello: HttpHandler = async ({ response }) => {
  response.end('hello')
}

/** Sends raw text and gives all that comes back until the server closes. */
async function raw(port: number, ...texts: (string | Buffer)[]): Promise<string> {
  const socket = await dial(port)
  for (const text of texts) socket.write(text)
  return await everything(socket)
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

async function everything(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await once(socket, 'close')
  return text
}

describe('startHttpServer', () => {
  it('answers and names the request', async () => {
    const port = await serve(hello)
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect(await response.text()).toBe('hello')
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('rejects with EADDRINUSE when the port is taken', async () => {
    const port = await serve(hello)
    await expect(startHttpServer(hello, { address: '127.0.0.1', port, log })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })

  it('answers 500 with nothing but the request id when a handler throws, and goes on', async () => {
    const port = await serve(async ({ request }) => {
      if (request.url === '/bad') throw new Error('secret path /srv')
      throw new Error('other')
    })
    const response = await fetch(`http://127.0.0.1:${port}/bad`)
    expect(response.status).toBe(500)
    const text = await response.text()
    expect(text).toContain(response.headers.get('x-request-id'))
    expect(text).not.toContain('secret')
    expect(errors).toHaveLength(1)
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(500)
  })

  it('cuts an answer that fails half-way instead of ending it', async () => {
    const port = await serve(async ({ response }) => {
      response.writeHead(200, { 'content-length': 10 })
      response.write('12345')
      throw new Error('disk')
    })
    const answer = await fetch(`http://127.0.0.1:${port}/`)
    await expect(answer.text()).rejects.toThrow()
  })

  it('reports a handler that leaves no answer', async () => {
    const port = await serve(async () => {})
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(500)
  })

  it.each([
    ['garbage', '\x16\x03\x01 what is this\r\n\r\n', '400'],
    ['two lengths', 'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', '400'],
    [
      'both framings',
      'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      '400',
    ],
    ['headers beyond 64 KiB', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(70_000)}\r\n\r\n`, '431'],
    ['another expectation', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n', '417'],
  ])('%s is answered and the connection closed', async (_name, text, status) => {
    const port = await serve(hello)
    expect(await raw(port, text)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200)
  })

  it('answers half-sent headers with 408 after the time-out', async () => {
    const port = await serve(hello, { headersTimeout: 100 })
    expect(await raw(port, 'GET / HTTP/1.1\r\nHo')).toMatch(/^HTTP\/1.1 408 /)
  }, 15_000)
})

describe('request bodies', () => {
  it('100 Continue is sent only once the handler reads', async () => {
    const port = await serve(async ({ request, response, body }) => {
      if (request.url === '/refuse') {
        response.writeHead(401, { 'content-length': 0 }).end()
        return
      }
      let length = 0
      for await (const chunk of body) length += chunk.length
      response.end(String(length))
    })
    const head = (path: string) =>
      `PUT ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n`
    const refused = await raw(port, `${head('/refuse')}\r\n`)
    expect(refused).toMatch(/^HTTP\/1.1 401 /)
    expect(refused).toContain('Connection: close')
    const read = await raw(port, `${head('/read')}Connection: close\r\n\r\nhello`)
    expect(read).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/)
  })

  const refuse: HttpHandler = async ({ response }) => {
    response.writeHead(403, { 'content-length': 0 }).end()
  }

  it('an early refusal of a small body keeps the connection in step', async () => {
    const seen: (string | undefined)[] = []
    const port = await serve(async (exchange) => {
      seen.push(exchange.request.url)
      await refuse(exchange)
    })
    const text = await raw(
      port,
      'PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 31\r\n\r\nDELETE /smuggled HTTP/1.1\r\n\r\n..',
      'GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    )
    expect(text.match(/HTTP\/1.1 403/g)).toHaveLength(2)
    expect(seen).toEqual(['/a', '/b'])
  })

  it.each(['Content-Length: 50000000', 'Transfer-Encoding: chunked'])(
    'an early refusal of a body with %s says close and takes no further request',
    async (framing) => {
      const seen: (string | undefined)[] = []
      const port = await serve(async (exchange) => {
        seen.push(exchange.request.url)
        await refuse(exchange)
      })
      const text = await raw(
        port,
        `PUT /a HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`,
        framing.startsWith('T') ? '3\r\nabc\r\n0\r\n\r\nDELETE /b HTTP/1.1\r\nHost: x\r\n\r\n' : 'abc',
      )
      expect(text).toContain('Connection: close')
      expect(seen).toEqual(['/a'])
    },
  )

  it('a client that still sends megabytes gets the refusal', async () => {
    const port = await serve(async ({ body, response }) => {
      for await (const _ of body) break
      response.writeHead(413, { 'content-length': 0 }).end()
    })
    const request = httpRequest({ port, method: 'PUT', headers: { 'content-length': 5_000_000 } })
    request.on('error', () => {})
    request.end(Buffer.alloc(5_000_000))
    const [response] = await once(request, 'response')
    expect(response.statusCode).toBe(413)
  })

  it('a body that is cut ends the handler with an error, not with a short body', async () => {
    const outcome = Promise.withResolvers<string>()
    const port = await serve(async ({ body }) => {
      try {
        for await (const _ of body);
        outcome.resolve('whole')
      } catch {
        outcome.resolve('cut')
      }
    })
    const socket = await dial(port)
    socket.write('PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc')
    setTimeout(() => socket.destroy(), 50)
    expect(await outcome.promise).toBe('cut')
    expect(errors).toEqual([])
  })

  it('requests sent ahead run one after the other', async () => {
    const order: string[] = []
    const port = await serve(async ({ request, response }) => {
      order.push(`start ${request.url}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
      order.push(`end ${request.url}`)
      response.end()
    })
    await raw(
      port,
      'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    )
    expect(order).toEqual(['start /1', 'end /1', 'start /2', 'end /2'])
  })

  it('hundreds of requests sent ahead end the connection', async () => {
    let handled = 0
    const port = await serve(async ({ response }) => {
      handled += 1
      await new Promise((resolve) => setTimeout(resolve, 50))
      response.end()
    })
    await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(500))
    expect(handled).toBeLessThan(65)
  })
})

describe('time-outs, revocation and stopping', () => {
  it('a client that stops sending its body is cut; a handler that works long is not', async () => {
    const port = await serve(
      async ({ request, response, body }) => {
        if (request.method === 'PUT') for await (const _ of body);
        else await new Promise((resolve) => setTimeout(resolve, 500))
        response.end('done')
      },
      { idleTimeout: 150 },
    )
    expect(await raw(port, 'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc')).toBe('')
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('done')
  })

  it('cutOn destroys the socket at the signal', async () => {
    const revoked = new AbortController()
    const port = await serve(async ({ request, response }) => {
      using _cut = cutOn(revoked.signal, request.socket)
      response.write('first')
      await once(request.socket, 'close')
    })
    const answer = await fetch(`http://127.0.0.1:${port}/`)
    revoked.abort()
    await expect(answer.text()).rejects.toThrow()
  })

  it('stop closes idle connections at once and lets a running request finish', async () => {
    const release = Promise.withResolvers<void>()
    const server = await startHttpServer(
      async ({ response }) => {
        await release.promise
        response.end('finished')
      },
      { address: '127.0.0.1', port: 0, log },
    )
    const idle = everything(await dial(server.port))
    const running = fetch(`http://127.0.0.1:${server.port}/`)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const stopped = server.stop(new AbortController().signal)
    await idle
    release.resolve()
    expect(await (await running).text()).toBe('finished')
    await stopped
    await expect(fetch(`http://127.0.0.1:${server.port}/`)).rejects.toThrow()
  })

  it('stop destroys what still runs when the deadline aborts', async () => {
    const server = await startHttpServer(
      async ({ response, request }) => {
        response.write('begun')
        await once(request.socket, 'close')
      },
      { address: '127.0.0.1', port: 0, log },
    )
    const answer = await fetch(`http://127.0.0.1:${server.port}/`)
    const deadline = new AbortController()
    const stopped = server.stop(deadline.signal)
    deadline.abort()
    await stopped
    await expect(answer.text()).rejects.toThrow()
  })
})
