import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Fault } from '#faults'
import type { Files } from '#files/types.ts'
import { type Random, seededRandom } from '../seeded.ts'
import { at, get, metadataWith, put, startFiles } from './setup.ts'

const UPLOADS = 60
const STEPS = 14
const PART_SIZES = [1, 7, 8, 8, 8, 8, 20]
const done = metadataWith('abc-2')

/** An upload and what its parts ought to hold. */
type Model = {
  readonly files: Files
  readonly path: string
  readonly id: string
  readonly parts: Map<number, string>
}

function textOf(random: Random): string {
  const letter = String.fromCharCode(random.between(97, 122))
  return letter.repeat(random.pick(PART_SIZES))
}

/** Receives a part, as long as it was said, of an unknown length, or dropped half-way. */
async function receive({ files, path, id, parts }: Model, random: Random): Promise<void> {
  const number = random.between(1, 4)
  const text = textOf(random)
  const said = random.next() < 0.8 ? text.length : undefined
  await using part = await files.uploads.part(at(path), id, number, said)
  const half = Math.floor(text.length / 2)
  await part.write([Buffer.from(text.slice(0, half))], 0)
  if (random.next() < 0.2) return
  await part.write([Buffer.from(text.slice(half))], half)
  await part.commit({ etag: createHash('md5').update(text).digest('hex'), checksums: {} })
  parts.set(number, text)
}

/** Some at once: numbers differ, so that it is known what each must hold afterwards. */
async function receiveTogether(model: Model, random: Random): Promise<void> {
  await Promise.all(
    [1, 2, 3, 4].map(async (number) => {
      const text = textOf(random)
      await using part = await model.files.uploads.part(at(model.path), model.id, number, text.length)
      await part.write([Buffer.from(text)], 0)
      await part.commit({ etag: createHash('md5').update(text).digest('hex'), checksums: {} })
      model.parts.set(number, text)
    }),
  )
}

function wish({ parts }: Model, random: Random): number[] {
  const all = [...parts.keys()].sort((a, b) => a - b)
  return random.next() < 0.7 ? all : all.filter(() => random.next() < 0.7)
}

/** A completion that is refused leaves all as it was. */
async function completeInVain(model: Model, random: Random): Promise<void> {
  const { files, path, id } = model
  const numbers = wish(model, random)
  const completed = files.uploads.complete(at(path), id, numbers, done, { ifVersion: 'another' })
  const { code } = await completed.then(
    () => ({ code: 'none' }),
    (error: Fault) => error,
  )
  expect(code).toBe(numbers.length === 0 ? 'invalid' : 'precondition')
}

/** Resolves to what the file then holds. */
async function upload(files: Files, path: string, random: Random): Promise<string> {
  await put(files, path, 'before')
  const { id } = await files.uploads.start(at(path), { metadata: metadataWith(''), checksum: null })
  const model: Model = { files, path, id, parts: new Map() }
  for (let step = random.between(1, STEPS); step > 0; step--) {
    const chance = random.next()
    if (chance < 0.65) await receive(model, random)
    else if (chance < 0.8) await receiveTogether(model, random)
    else await completeInVain(model, random)
    expect(await get(files, path)).toBe('before')
  }
  const numbers = wish(model, random)
  if (numbers.length === 0) {
    await files.uploads.abort(at(path), id)
    return 'before'
  }
  await completeBesideOneThatComes(model, numbers)
  return numbers.map((number) => model.parts.get(number)).join('')
}

async function completeBesideOneThatComes({ files, path, id }: Model, numbers: number[]): Promise<void> {
  const late = await files.uploads.part(at(path), id, 4, 8)
  await late.write([Buffer.from('late')], 0)
  await files.uploads.complete(at(path), id, numbers, done)
  await late.write([Buffer.from('late')], 4)
  await expect(late.commit({ etag: '0'.repeat(32), checksums: {} })).rejects.toThrow('no such upload')
}

test('whatever becomes of the parts, a completed upload is the parts that were named', async () => {
  await using world = await startFiles()
  const random = seededRandom()
  const { files } = world.as()
  const contents: string[] = []
  for (let count = 0; count < UPLOADS; count++) contents.push(await upload(files, `/${count}`, random))
  for (const [count, content] of contents.entries()) expect(await get(files, `/${count}`)).toBe(content)
  expect(await readdir(join(world.root, '.latchkey/multipart'))).toEqual([])
  // What is over is deleted in the background.
  await expect.poll(() => world.staged()).toEqual([])
  expect(world.errors).toEqual([])
})
