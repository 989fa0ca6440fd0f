import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  childElement,
  childElements,
  escapeAttribute,
  escapeText,
  parseXml,
  readXml,
  serializeXml,
  textOf,
  type XmlElement,
} from '#net/xml.ts'

async function* body(content: string | Buffer, size = 65_536) {
  const bytes = Buffer.from(content)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe('readXml', () => {
  it('resolves namespaces and keeps texts and elements in order', async () => {
    const root = await readXml(
      body('<?xml version="1.0"?><a:x xmlns:a="DAV:" k="1">one<b/>&lt;<![CDATA[<]]></a:x>'),
    )
    expect(root).toEqual({
      uri: 'DAV:',
      local: 'x',
      prefix: 'a',
      declared: { a: 'DAV:' },
      attributes: [{ uri: '', local: 'k', prefix: '', value: '1' }],
      nodes: ['one', { uri: '', local: 'b', prefix: '', declared: {}, attributes: [], nodes: [] }, '<', '<'],
    })
  })

  it('gives null for an empty body', async () => {
    expect(await readXml(body(''))).toBeNull()
  })

  it.each([1, 2, 3, 7])('reads a body that comes in pieces of %d bytes', async (size) => {
    const root = await readXml(body('<x xmlns="DAV:"><näme>ü€😀</näme></x>', size))
    const child = root && childElement(root, 'DAV:', 'näme')
    expect(child && textOf(child)).toBe('ü€😀')
  })

  it('reads UTF-16 with its mark', async () => {
    const root = await readXml(
      body(Buffer.from('\ufeff<?xml version="1.0" encoding="utf-16"?><ü/>', 'utf16le'), 3),
    )
    expect(root?.local).toBe('ü')
  })

  it('reads UTF-8 with its mark', async () => {
    expect((await readXml(body('\ufeff<x/>')))?.local).toBe('x')
  })

  it.each([
    ['a DOCTYPE', '<!DOCTYPE x><x/>'],
    ['an entity bomb', '<!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><l>&b;</l>'],
    ['an external entity', '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'],
    ['an unknown entity', '<x>&nbsp;</x>'],
    ['an unclosed element', '<x><y></x>'],
    ['a cut body', '<x><y/>'],
    ['an unbound prefix', '<D:x/>'],
    ['two roots', '<x/><y/>'],
    ['text only', 'hello'],
    ['white space only', '  \n '],
    ['a NUL', '<x>\0</x>'],
    ['a prefix bound to nothing', '<x xmlns:D=""/>'],
    ['bytes that are not UTF-8', Buffer.from([0x3c, 0x78, 0x3e, 0xff, 0x3c, 0x2f, 0x78, 0x3e])],
    ['a cut UTF-8 sequence', Buffer.from([0x3c, 0x78, 0x3e, 0xc3])],
    ['another encoding', '<?xml version="1.0" encoding="iso-8859-1"?><x/>'],
  ])('refuses %s as invalid (check 11)', async (_name, content) => {
    await expect(readXml(body(content))).rejects.toMatchObject({ code: 'invalid' })
  })

  it.each([
    ['bytes', `<x>${'a'.repeat(300_000)}</x>`],
    ['names', `<x>${'<y/>'.repeat(6_000)}</x>`],
    ['attributes', `<x ${Array.from({ length: 6_000 }, (_, i) => `a${i}=""`).join(' ')}/>`],
    ['levels', '<x>'.repeat(100_000)],
    ['characters in a name', `<${'x'.repeat(1_000)}/>`],
    ['characters in a namespace', `<x xmlns="${'x'.repeat(1_000)}"/>`],
  ])('refuses too many %s as too_large (check 12)', async (_name, content) => {
    await expect(readXml(body(content))).rejects.toMatchObject({ code: 'too_large' })
  })

  it('ends reading at the limit', async () => {
    let given = 0
    async function* endless() {
      yield Buffer.from('<x>')
      for (;;) {
        given += 1
        yield Buffer.alloc(65_536, 'a')
      }
    }
    await expect(readXml(endless())).rejects.toMatchObject({ code: 'too_large' })
    expect(given).toBeLessThan(6)
  })
})

describe('writing', () => {
  it('escapes what XML minds, and replaces what it cannot hold', () => {
    expect(escapeText('a<b>&"\r')).toBe('a&lt;b&gt;&amp;"&#13;')
    expect(escapeAttribute('a"b\n\t')).toBe('a&quot;b&#10;&#9;')
    expect(escapeText('\x01\ud800\uffff')).toBe('\ufffd\ufffd\ufffd')
  })

  it('text of any kind comes back through a parser', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const root = parseXml(`<x a="${escapeAttribute(text)}">${escapeText(text)}</x>`)
        const expected = text.toWellFormed().replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd')
        expect(textOf(root)).toBe(expected)
        expect(root.attributes[0]?.value).toBe(expected)
      }),
    )
  })

  it('a serialised element reads back the same', () => {
    const text = '<a:o xmlns:a="DAV:" xmlns:z="urn:z" z:k="&quot;" xml:lang="de">x<z:b>&amp;</z:b><c/>y</a:o>'
    const tree = parseXml(text)
    const withoutMarks = (element: XmlElement): unknown => [
      element.uri,
      element.local,
      element.attributes.map(({ uri, local, value }) => ({ uri, local, value })),
      element.nodes.map((node) => (typeof node === 'string' ? node : withoutMarks(node))),
    ]
    expect(withoutMarks(parseXml(serializeXml(tree)))).toEqual(withoutMarks(tree))
    expect(childElements(tree)).toHaveLength(2)
  })
})
