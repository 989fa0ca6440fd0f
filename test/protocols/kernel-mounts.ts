import { localMounts, type OpenMount } from '#files/mount-table.ts'
import type { OpenFile, Received } from '#files/types.ts'

/**
 * How much the kernel moves by itself: all that it can; nothing, as where the addon is not built; little at a time;
 * or until the storage gets slow, and again when it is quick.
 */
export type Moves = 'all' | 'nothing' | 'little' | 'now and then'

export type KernelMounts = {
  readonly openMount: OpenMount
  readonly moved: { sent: number; received: number }
}

/** Folders of this machine, of which one can tell what the kernel moved. */
export function kernelMounts(moves: Moves): KernelMounts {
  const moved = { sent: 0, received: 0 }
  let calls = 0
  const allowed = () => moves !== 'nothing' && (moves !== 'now and then' || calls++ % 3 < 2)

  function sendTo(file: OpenFile, socket: number, position: number, end: number): number | null {
    if (!allowed()) return null
    const last = moves === 'little' ? Math.min(end, position + 1_000) : end
    const sent = file.sendTo?.(socket, position, last) ?? null
    moved.sent += sent ?? 0
    return sent
  }

  function receiveFrom(receive: () => Received): Received {
    if (!allowed()) return null
    const received = receive()
    if (typeof received === 'number') moved.received += received
    return received
  }

  const open = localMounts()
  const openMount: OpenMount = (record, onError) => {
    const mount = open(record, onError)
    return replaced(mount, {
      async open(...args: Parameters<typeof mount.open>) {
        const file = await mount.open(...args)
        const own = (socket: number, position: number, end: number) => sendTo(file, socket, position, end)
        return replaced(file, { sendTo: own })
      },
      async stage(...args: Parameters<typeof mount.stage>) {
        const staged = await mount.stage(...args)
        const own = (socket: number, position: number) =>
          receiveFrom(() => staged.receiveFrom(socket, position) ?? null)
        return replaced(staged, { receiveFrom: own })
      },
    })
  }
  return { openMount, moved }
}

function replaced<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get(inner, property) {
      if (Object.hasOwn(own, property)) return Reflect.get(own, property)
      const value: unknown = Reflect.get(inner, property)
      return typeof value === 'function' ? value.bind(inner) : value
    },
  })
}
