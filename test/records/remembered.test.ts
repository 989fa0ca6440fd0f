import { describe, expect, test } from 'vitest'
import { remembered } from '#records/remembered.ts'

function fail(): never {
  throw new Error('the disk is gone')
}

function counted() {
  const state = { asked: 0, value: 'a', news: false }
  const watchNews = () => () => {
    const { news } = state
    state.news = false
    return news
  }
  const held = remembered({ watchNews }, async () => {
    state.asked += 1
    const { value } = state
    await new Promise((resolve) => setImmediate(resolve))
    return value
  })
  return { state, held }
}

describe('what a query gave', () => {
  test('is asked for once, and again after news of others', async () => {
    const { state, held } = counted()
    expect([await held.get(), await held.get(), state.asked]).toEqual(['a', 'a', 1])
    Object.assign(state, { value: 'b', news: true })
    expect([await held.get(), await held.get(), state.asked]).toEqual(['b', 'b', 2])
  })

  test('is asked for while a change is under way, and again after it, also after one that failed', async () => {
    const { state, held } = counted()
    await held.get()
    await held.change(async () => {
      await held.get()
      state.value = 'b'
      expect(await held.get()).toBe('b')
    })
    expect([await held.get(), state.asked]).toEqual(['b', 4])
    await expect(held.change(() => Promise.reject(new Error('full')))).rejects.toThrow('full')
    expect([await held.get(), state.asked]).toEqual(['b', 5])
  })

  test('is asked for when the database cannot tell whether there is news', async () => {
    const broken = { watchNews: () => fail }
    let asked = 0
    const held = remembered(broken, async () => ++asked)
    expect([await held.get(), await held.get()]).toEqual([1, 2])
  })

  test('is not kept when a change overtook the question', async () => {
    const { state, held } = counted()
    const early = held.get()
    await held.change(async () => {
      state.value = 'b'
    })
    expect([await early, await held.get()]).toEqual(['a', 'b'])
  })

  test('`last` asks nobody: it may be older than others, never than this process', async () => {
    const { state, held } = counted()
    expect(held.last()).toBeNull()
    await held.get()
    Object.assign(state, { value: 'b', news: true })
    expect([held.last(), state.asked]).toEqual(['a', 1])
    expect([await held.get(), held.last()]).toEqual(['b', 'b'])
    await held.change(async () => {
      state.value = 'c'
      expect(held.last()).toBeNull()
    })
    expect(held.last()).toBeNull()
    expect([await held.get(), held.last()]).toEqual(['c', 'c'])
  })
})
