import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { scopesOf } from '#permissions/scopes.ts'
import { type Client, clientOf, type DavWorld, startDavWorld } from './client.ts'

let started: DavWorld
let dav: Client

beforeAll(async () => {
  started = await startDavWorld()
  dav = started.dav
  const { root } = started.world
  await mkdir(join(root, 'folder/sub'), { recursive: true })
  await mkdir(join(root, 'folder/<b>'))
  await writeFile(join(root, 'folder', '#1 <&">%.txt'), 'odd')
  await writeFile(join(root, 'folder', 'big.bin'), Buffer.alloc(1_500_000))
})
afterAll(() => started[Symbol.asyncDispose]())

describe('a folder in a browser', () => {
  it('is a page of links with sizes and times, its names escaped', async () => {
    const { status, headers, text } = await dav('GET', '/folder')
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(text).toContain('<a href="/folder/%231%20%3C&amp;%22%3E%25.txt">#1 &lt;&amp;"&gt;%.txt</a>')
    expect(text).toContain('<td class="size" title="3 bytes">3 B</td>')
    expect(text).toContain('title="1500000 bytes">1.4 MiB</td>')
    expect(text).toContain('<a href="/folder/sub/">sub/</a>')
    expect(text).toMatch(/<time datetime="\d{4}-\d\d-\d\dT[^"]+Z">\d{4}-\d\d-\d\d \d\d:\d\d<\/time>/)
    expect(text).not.toContain('<b>')
    expect((await dav('HEAD', '/folder')).text).toBe('')
  })

  it('leads up, and says when there is nothing', async () => {
    const { text } = await dav('GET', '/folder/%3Cb%3E/')
    expect(text).toContain('<a href="/folder/">↑ Parent folder</a>')
    expect(text).toContain('<a href="/">All files</a><span>/</span><a href="/folder/">folder</a>')
    expect(text).toContain('This folder is empty.')
    expect((await dav('GET', '/')).text).not.toContain('Parent folder')
  })

  it('runs no script and loads nothing: its policy allows the style by its hash alone', async () => {
    const { headers, text } = await dav('GET', '/folder')
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? ''
    const hash = createHash('sha256').update(style).digest('base64')
    expect(headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
    )
    expect(text).not.toMatch(/<script| style=| on\w+=/)
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['cache-control']).toBe('private, no-store')
  })

  it('shows nothing to a key that may read but not list', async () => {
    const key = await started.world.issue({ scopes: scopesOf('files.read', 'webdav.read') })
    const answer = await clientOf(dav.port, key)('GET', '/folder')
    expect(answer.status).toBe(404)
    expect(answer.text).not.toContain('sub')
  })

  it('keeps conditions that no folder meets', async () => {
    expect((await dav('GET', '/folder', { headers: { 'if-match': '"x"' } })).status).toBe(412)
    expect((await dav('GET', '/folder', { headers: { 'if-match': '*' } })).status).toBe(200)
  })
})
