import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { run, start } from './run.ts'
import { type Server, startServer } from './server.ts'

const HAS_BROWSER = program('chromium')
const PASSWORD = 'correct horse battery'
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

let server: Server
let browser: Browser
let context: BrowserContext
let page: Page
beforeAll(async () => {
  if (!HAS_BROWSER) return
  server = await startServer()
  const executablePath = (await run('sh', ['-c', 'command -v chromium'])).stdout.trim()
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  context = await browser.newContext({ acceptDownloads: true })
  page = await context.newPage()
  page.setDefaultTimeout(30_000)
})
afterAll(async () => {
  await browser?.close()
  await server?.[Symbol.asyncDispose]()
})

function address(path: string): string {
  return `${server.demo.rest}/console${path}`
}

async function logIn(on: Page, name: string): Promise<void> {
  await on.goto(address('/login'))
  await on.fill('#f-name', name)
  await on.fill('#f-password', PASSWORD)
  await on.click('button[type=submit]')
}

/** A key made in the browser, with the text of its lines by client and door. */
async function makeKey(name: string, user: string): Promise<Map<string, string>> {
  await page.goto(address('/keys/new'))
  await page.fill('#f-user', user)
  await page.fill('#f-name', name)
  await page.check('[name=pair]')
  await page.click('text=Create the key')
  const lines = new Map<string, string>()
  for (const part of await page.locator('.lines').all()) {
    const client = (await part.locator('summary').textContent()) ?? ''
    lines.set(client, (await part.locator('pre').textContent()) ?? '')
  }
  lines.set('value', (await page.locator('#secret-value').textContent()) ?? '')
  return lines
}

describe.runIf(HAS_BROWSER)('the console in chromium', () => {
  test('the one-time link of the first start leads to a password and into the console', async () => {
    const link = /http:\S+\/start\/\S+/.exec(server.printed)?.[0] ?? ''
    await page.goto(link)
    await page.fill('#password', PASSWORD)
    await page.fill('#again', PASSWORD)
    await page.click('button')
    await page.click('text=Open the console')
    await logIn(page, 'admin')
    await page.waitForURL(address(''))
    expect(await page.textContent('h1')).toBe('Overview')
  })

  test('the lines that are shown with a new key work as they are', async () => {
    const lines = await makeKey('lines', 'demo')
    const cwd = server.dir
    if (program('curl')) {
      const { stdout, stderr } = await run('sh', ['-ec', lines.get('curlWebDAV') ?? ''], { cwd })
      expect(stdout, stderr).toBe('hello\n')
      expect(await readFile(join(server.files, 'demo/hello.txt'), 'utf8')).toBe('hello\n')
      expect((await run('sh', ['-ec', lines.get('curlREST') ?? ''])).stdout).toContain('"lines"')
    }
    if (program('rclone')) {
      for (const door of ['WebDAV', 'SFTP', 'S3']) {
        const env = { RCLONE_CONFIG: join(cwd, 'rclone.conf') }
        const { stdout, stderr } = await run('sh', ['-ec', lines.get(`rclone${door}`) ?? ''], { cwd, env })
        expect(stdout, `${door} ${stderr}`).toContain('hello.txt')
      }
    }
    if (program('sshpass')) {
      const line = (lines.get('sftpSFTP') ?? '').replace(
        /^sftp/,
        'sshpass -e sftp -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null -oNumberOfPasswordPrompts=1',
      )
      const env = { SSHPASS: lines.get('value') ?? '' }
      const { stdout, stderr } = await run('sh', ['-ec', line], { input: 'ls\n', env })
      expect(stdout, stderr).toContain('hello.txt')
    }
    if (program('lftp')) {
      const { stdout, stderr } = await run('sh', ['-ec', lines.get('lftpFTP') ?? ''])
      expect(stdout, stderr).toContain('hello.txt')
    }
    if (program('aws')) {
      const { stdout, stderr } = await run('sh', ['-ec', lines.get('awsS3') ?? ''])
      expect(stdout, stderr).toContain('hello.txt')
    }
  })

  test('a session of the key appears, is ended, and is seen to end (R4)', async () => {
    if (!program('sshpass')) return
    const value = (await makeKey('to end', 'demo')).get('value') ?? ''
    const id = value.slice(3, 11)
    const options = [
      '-oStrictHostKeyChecking=no',
      '-oUserKnownHostsFile=/dev/null',
      '-P',
      new URL(server.demo.sftp).port,
    ]
    const place = `@api-${id}@127.0.0.1`
    // Its input stays open as long as the shell lives: it would stay connected.
    const client = start(
      'sh',
      ['-c', `tail -f --pid=$$ /dev/null | sshpass -e sftp ${options.join(' ')} ${place}`],
      {
        env: { SSHPASS: value },
      },
    )
    await expect
      .poll(
        async () => {
          await page.goto(address(`/keys/${id}`))
          return page.locator('button:has-text("End")').count()
        },
        { timeout: 30_000 },
      )
      .toBe(1)
    await page.click('button:has-text("End")')
    expect(await page.textContent('[role=status]')).toContain('ended')
    await expect
      .poll(
        async () => {
          await page.goto(address(`/keys/${id}`))
          return page.locator('button:has-text("End")').count()
        },
        { timeout: 30_000 },
      )
      .toBe(0)
    client.child.kill('SIGKILL')
    await client.done
  })

  /** Deletes a file in the folder that is shown. */
  async function removeThere(name: string): Promise<void> {
    const row = page.locator(`tr:has-text("${name}")`)
    await row.locator('summary').first().click()
    await row.locator('summary:has-text("Delete")').click()
    await row.locator(`button:has-text("Delete ${name}")`).click()
    await page.waitForSelector('text=Deleted.')
  }

  test('files are uploaded with progress, downloaded, renamed and deleted without any client', async () => {
    await page.goto(address('/files/demo'))
    const bytes = Buffer.alloc(300_000, 'x')
    await page.setInputFiles('#pick', {
      name: 'über & <b>.bin',
      mimeType: 'application/octet-stream',
      buffer: bytes,
    })
    await page.waitForSelector('a.entry:has-text("über & <b>.bin")')
    expect((await readFile(join(server.files, 'demo/über & <b>.bin'))).equals(bytes)).toBe(true)
    const downloading = page.waitForEvent('download')
    await page.click('a.entry:has-text("über")')
    const download = await downloading
    expect(download.suggestedFilename()).toContain('über')
    expect((await readFile(await download.path())).equals(bytes)).toBe(true)
    await page.setInputFiles('#pick', {
      name: 'über & <b>.bin',
      mimeType: 'text/plain',
      buffer: Buffer.from('new'),
    })
    await page.waitForSelector('.failed:has-text("is there already")')
    const isShownAnew = page.waitForEvent('load')
    await page.click('text=Replace it')
    await isShownAnew
    expect(await readFile(join(server.files, 'demo/über & <b>.bin'), 'utf8')).toBe('new')
    const row = page.locator('tr:has-text("über")')
    await row.locator('summary').first().click()
    await row.locator('input[name=name]').fill('renamed.bin')
    await row.locator('button:has-text("Rename")').click()
    await page.waitForSelector('a.entry:has-text("renamed.bin")')
    await removeThere('renamed.bin')
    expect(await page.locator('a.entry:has-text("renamed.bin")').count()).toBe(0)
  })

  test('F3: what was deleted is put back from the trash', async () => {
    await page.goto(address('/files/demo'))
    await page.click('main a:has-text("Trash")')
    await page.locator('tr:has-text("/demo/renamed.bin") button:has-text("Restore")').click()
    await page.waitForSelector('text=It is back.')
    expect(await readFile(join(server.files, 'demo/renamed.bin'), 'utf8')).toBe('new')
    await removeThere('renamed.bin')
  })

  test('a member sees to own keys, and to nothing else (K2)', async () => {
    await page.goto(address('/settings'))
    await page.check('[name=own_keys]')
    await page.click('text=Save')
    await page.goto(address('/users'))
    await page.click('main >> text=demo')
    await page.click('text=One-time link')
    const link = (await page.textContent('#secret-link')) ?? ''
    const members = await browser.newContext()
    const own = await members.newPage()
    await own.goto(link)
    await own.fill('#password', PASSWORD)
    await own.fill('#again', PASSWORD)
    await own.click('button')
    await logIn(own, 'demo')
    await own.waitForURL(address('/files'))
    await own.goto(address('/keys/new'))
    expect(await own.locator('[name=type]').count()).toBe(0)
    await own.fill('#f-name', 'my laptop')
    await own.click('text=Create the key')
    const value = (await own.textContent('#secret-value')) ?? ''
    const answer = await fetch(`${server.demo.rest}/api/test/api-key`, {
      headers: { authorization: `Bearer ${value}` },
    })
    expect(answer.status).toBe(200)
    for (const part of ['/users', '/audit', '/settings', '/sites', '/groups']) {
      expect((await own.goto(address(part)))?.status(), part).toBe(403)
    }
    expect(await own.locator('text=Users').count()).toBe(0)
    await members.close()
  })

  const PAGES = [
    '',
    '/files/demo',
    '/trash',
    '/keys',
    '/keys/new',
    '/users',
    '/users/new',
    '/groups',
    '/sites',
    '/audit',
    '/settings',
    '/account',
  ]

  test.each([
    ['a desk', { width: 1280, height: 900 }, 'light'],
    ['a desk at night', { width: 1280, height: 900 }, 'dark'],
    ['a telephone', { width: 390, height: 844 }, 'light'],
  ] as const)(
    'on %s axe finds nothing serious, and nothing lies outside of the screen',
    async (_, viewport, colorScheme) => {
      const checked = await browser.newContext({
        viewport,
        colorScheme,
        bypassCSP: true,
        storageState: await context.storageState(),
      })
      const on = await checked.newPage()
      const rules = await readFile(AXE, 'utf8')
      await on.goto(address('/keys'))
      const keyPage = new URL(
        await on
          .locator('main table a')
          .first()
          .evaluate((link: { href: string }) => link.href),
      ).pathname
      for (const path of [...PAGES, keyPage.replace('/console', ''), '/login']) {
        await on.goto(address(path))
        await on.evaluate(rules)
        const found: string[] = await on.evaluate(
          "axe.run(document).then((r) => r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => v.id + ' ' + v.nodes[0].html))",
        )
        expect(found, path).toEqual([])
        expect(
          await on.evaluate('document.documentElement.scrollWidth - innerWidth'),
          path,
        ).toBeLessThanOrEqual(0)
      }
      await checked.close()
    },
  )

  test('no page asks anybody else for anything, and no script is refused', async () => {
    const complaints: string[] = []
    const foreign: string[] = []
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => request.url().startsWith(server.demo.rest) || foreign.push(request.url()))
    for (const path of PAGES) await page.goto(address(path))
    expect(complaints).toEqual([])
    expect(foreign).toEqual([])
  })
})
