import { Fault } from '#faults'

/** Says what exists already when the statement meets a unique constraint. */
export async function asTaken<T>(what: string, statement: Promise<T>): Promise<T> {
  try {
    return await statement
  } catch (error) {
    if (error instanceof Fault && error.code === 'exists')
      throw new Fault('exists', `${what} exists already`, { cause: error.cause })
    throw error
  }
}

export function missing(what: string): Fault {
  return new Fault('not_found', `there is no such ${what}`)
}
