import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createMutex } from '#files/mutex.ts'
import { createSharedMutex } from '#server/workers/mutex-client.ts'
import { createMutexServer } from '#server/workers/mutex-server.ts'
import { createQuestions } from '#server/workers/questions.ts'

function setup() {
  const server = createMutexServer(createMutex())
  const worker = (id: number) => {
    let grant: (hold: number) => void = () => {}
    // Messages between processes arrive a turn later.
    return createSharedMutex({
      hold: (hold, keys) => void turn().then(() => server.hold(id, hold, keys, () => grant(hold))),
      release: (hold) => void turn().then(() => server.release(id, hold)),
      onGranted(granted) {
        grant = granted
      },
    })
  }
  return { server, worker }
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  for (let turns = 0; turns < 10; turns++) await turn()
  return Promise.race([promise.then(() => true), turn().then(() => false)])
}

describe('a mutex of several processes', () => {
  test('what one worker holds another gets when it is released, and not before', async () => {
    const { worker } = setup()
    const [one, two] = [worker(1), worker(2)]
    const held = await one.hold(['a', 'b'])
    const waiting = two.hold(['b', 'c'])
    expect(await settled(waiting)).toBe(false)
    using _other = await two.hold(['d'])
    held[Symbol.dispose]()
    const got = await waiting
    got[Symbol.dispose]()
    using _again = await one.hold(['c', 'a'])
  })

  test('never two inside, however many want the same keys in opposite order', async () => {
    const { worker } = setup()
    const workers = [worker(1), worker(2), worker(3)]
    let inside = 0
    let most = 0
    const work = async (index: number) => {
      const keys = index % 2 === 0 ? ['x', 'y'] : ['y', 'x']
      using _held = await workers[index % 3]?.hold(keys)
      inside += 1
      most = Math.max(most, inside)
      await turn()
      inside -= 1
    }
    await Promise.all(Array.from({ length: 60 }, (_, index) => work(index)))
    expect(most).toBe(1)
  })

  test('a dead worker gives back what it held and what it waited for, and is not heard any more', async () => {
    const { server, worker } = setup()
    const [dead, alive] = [worker(1), worker(2)]
    await dead.hold(['a'])
    const held = await alive.hold(['b'])
    void dead.hold(['b'])
    const waiting = alive.hold(['a'])
    expect(await settled(waiting)).toBe(false)
    server.releaseAll(1)
    expect(await settled(waiting)).toBe(true)
    held[Symbol.dispose]()
    using _b = await alive.hold(['b'])
    server.hold(1, 99, ['c'], () => {})
    using _c = await alive.hold(['c'])
  })
})

describe('questions to other processes', () => {
  test('each has its own answer', async () => {
    const questions = createQuestions<string>()
    const ids: number[] = []
    const first = questions.ask((id) => ids.push(id))
    const second = questions.ask((id) => ids.push(id))
    questions.answered(ids[1] ?? 0, 'two')
    questions.answered(ids[0] ?? 0, 'one')
    expect(await Promise.all([first, second])).toEqual(['one', 'two'])
  })

  test('without an answer in time, or with a refusal, they are unavailable; the end answers all', async () => {
    const questions = createQuestions<string>(20)
    await expect(questions.ask(() => {})).rejects.toMatchObject({ code: 'unavailable' })
    await expect(questions.ask((id) => questions.failed(id))).rejects.toMatchObject({ code: 'unavailable' })
    const open = questions.ask(() => {})
    questions.end('nobody')
    expect(await open).toBe('nobody')
  })
})
