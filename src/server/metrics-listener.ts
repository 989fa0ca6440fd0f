import { type RunningHttpServer, startHttpServer } from '#net/http-server.ts'
import type { DoorLog } from '#protocols/protocol.ts'
import type { ListenConfig } from './config.ts'
import { StartError } from './master-key.ts'

type Place = Pick<ListenConfig, 'address' | 'port'>

type Options = {
  /** All metrics in the text format of Prometheus. */
  readonly scrape: () => Promise<string>
  readonly contentType: string
  readonly log: DoorLog
}

/** Answers `GET /metrics` in each place, and asks for no key: listen where only the operator is. */
export async function startMetricsListeners(
  places: readonly Place[],
  options: Options,
): Promise<AsyncDisposable & { readonly ports: readonly number[] }> {
  const running: RunningHttpServer[] = []
  const stop = () => Promise.all(running.map((server) => server.stop(AbortSignal.abort())))
  try {
    for (const place of places) running.push(await startOne(place, options))
  } catch (error) {
    await stop()
    throw new StartError(`metrics: cannot listen: ${error instanceof Error ? error.message : error}`)
  }
  return {
    ports: running.map(({ port }) => port),
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}

async function startOne(place: Place, { scrape, contentType, log }: Options): Promise<RunningHttpServer> {
  const server = await startHttpServer(
    async ({ request, response }) => {
      if (request.url?.split('?')[0] !== '/metrics' || !['GET', 'HEAD'].includes(request.method ?? '')) {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('metrics are at GET /metrics\n')
        return
      }
      const text = await scrape()
      response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' })
      response.end(request.method === 'HEAD' ? undefined : text)
    },
    { ...place, log },
  )
  log.info({ address: place.address, port: server.port }, 'metrics can be read')
  return server
}
