/** Gives up one wait after the other with one timer: a timer of its own costs each small file about as much as its bytes. */
export type Patience = {
  /** Calls `giveUp` after the time, unless `end` is called before. */
  begin(giveUp: () => void): void
  end(): void
}

export function createPatience(ms: number): Patience {
  let timer: NodeJS.Timeout | undefined
  let waiting: (() => void) | null = null
  return {
    begin(giveUp) {
      waiting = giveUp
      timer = timer?.refresh() ?? setTimeout(() => waiting?.(), ms).unref()
    },
    end() {
      waiting = null
    },
  }
}
