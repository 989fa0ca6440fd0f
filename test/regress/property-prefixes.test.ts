import { expect, test } from 'vitest'
import { childElement, readXml } from '#net/xml.ts'
import { keepXml } from '#net/xml-keep.ts'

/*
 * A property whose prefix was a name that every object has (`constructor`, `__proto__`) was kept without its
 * declaration. Its text then stood in every multistatus of its folder, which no strict parser takes: whoever may write
 * could break the listing for all others.
 */

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

test.each(['constructor', '__proto__', 'toString', 'p'])(
  'a property with the prefix %s is kept so that it can be read alone',
  async (prefix) => {
    const text = `<D:prop xmlns:D="DAV:" xmlns:${prefix}="urn:a"><${prefix}:b>text</${prefix}:b></D:prop>`
    const prop = await readXml(bytes(text))
    const element = prop && childElement(prop, 'urn:a', 'b')
    if (!prop || !element) throw new Error('not read')
    const kept = await readXml(bytes(keepXml(element, [prop])))
    expect(kept).toMatchObject({ uri: 'urn:a', local: 'b', nodes: ['text'] })
  },
)
