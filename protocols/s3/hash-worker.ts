import { parentPort } from 'node:worker_threads'
import { createRunningDigests, type DigestOptions, type RunningDigests } from './digests.ts'

/** What the thread is told. A lane is one body; its blocks come in order. */
export type HashOrder =
  | { readonly kind: 'open'; readonly lane: number; readonly options: DigestOptions }
  | {
      readonly kind: 'block'
      readonly lane: number
      readonly block: SharedArrayBuffer
      readonly length: number
    }
  | { readonly kind: 'end' | 'drop'; readonly lane: number }

/** What it says: the block may be used again, or the digests of the whole body. */
export type HashAnswer =
  | { readonly kind: 'free'; readonly lane: number; readonly block: SharedArrayBuffer }
  | { readonly kind: 'done'; readonly lane: number; readonly digests: ReturnType<RunningDigests['end']> }

const lanes = new Map<number, RunningDigests>()

parentPort?.on('message', (order: HashOrder) => {
  const { lane } = order
  switch (order.kind) {
    case 'open':
      lanes.set(lane, createRunningDigests(order.options))
      break
    case 'block':
      lanes.get(lane)?.update(new Uint8Array(order.block, 0, order.length))
      say({ kind: 'free', lane, block: order.block })
      break
    case 'end': {
      const digests = lanes.get(lane)?.end()
      lanes.delete(lane)
      if (digests !== undefined) say({ kind: 'done', lane, digests })
      break
    }
    case 'drop':
      lanes.delete(lane)
  }
})

function say(answer: HashAnswer): void {
  parentPort?.postMessage(answer)
}
