import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { run } from './run.ts'
import { ok, type SftpDoor, SSH, same, startSftp } from './sftp-door.ts'
import { difference, makeBigFile, makeSmallFiles } from './trees.ts'

let door: SftpDoor
let mount: string
const usable = () => program('sshfs') && program('fusermount3')

beforeAll(async () => {
  door = await startSftp()
  mount = join(door.local, 'mount')
  await mkdir(mount)
  await makeBigFile(join(door.local, 'big.bin'), 8)
  await makeSmallFiles(join(door.local, 'tree'), 60)
  if (!usable()) return
  const { login, value } = door.key
  const ssh = SSH.map((option) => option.replace(/^-o/, '')).flatMap((option) => ['-o', option])
  const options = ['-p', `${door.port}`, '-o', 'password_stdin', ...ssh]
  await ok(run('sshfs', [`${login}@127.0.0.1:/`, mount, ...options], { input: `${value}\n` }))
})
afterAll(async () => {
  if (usable()) await run('fusermount3', ['-uz', mount])
  await door[Symbol.asyncDispose]()
})

/** A shell in the mount, apart from this process, which serves it and must not wait for it. */
const sh = (script: string) =>
  ok(run('sh', ['-euc', script], { cwd: door.local, env: { M: mount, HOME: door.local } }))

const onDisk = (path: string) => readFile(door.remote(path), 'utf8')

describe('sshfs (check 10)', () => {
  test('writes, appends, reads, and cp -p keeps the time', async () => {
    if (!usable()) return
    await sh('printf one > "$M/a.txt"; printf two >> "$M/a.txt"; test "$(cat "$M/a.txt")" = onetwo')
    expect(await onDisk('a.txt')).toBe('onetwo')
    await sh('touch -d @1600000000 big.bin; cp -p big.bin "$M/big.bin"; cmp big.bin "$M/big.bin"')
    expect((await stat(door.remote('big.bin'))).mtimeMs).toBe(1_600_000_000_000)
    expect(await sh('stat -c "%Y %s" "$M/big.bin"')).toBe(`1600000000 ${8 * 1024 ** 2}\n`)
  })

  test('random writes, truncation and holes', async () => {
    if (!usable()) return
    await sh(`cp big.bin "$M/random.bin"; cp big.bin copy.bin
      for f in "$M/random.bin" copy.bin; do
        printf XYZ | dd of="$f" bs=1 seek=1234567 conv=notrunc status=none
        printf end | dd of="$f" bs=1 seek=9000000 conv=notrunc status=none
        truncate -s 8999999 "$f"
      done`)
    // sshfs sends the last CLOSE after truncate has returned.
    const differs = () => difference(join(door.local, 'copy.bin'), door.remote('random.bin'))
    await expect.poll(differs, { timeout: 20_000 }).toBe('')
  })

  test('an editor saves: a new file over the old one, with a backup', async () => {
    if (!usable()) return
    await writeFile(door.remote('doc.txt'), 'draft')
    await sh(`cd "$M"; cp doc.txt doc.txt~; printf final > .doc.txt.swp; sync .doc.txt.swp
      mv .doc.txt.swp doc.txt; test "$(cat doc.txt)" = final; rm doc.txt~`)
    expect(await onDisk('doc.txt')).toBe('final')
  })

  test('mv replaces a file, and moves trees', async () => {
    if (!usable()) return
    await sh(`cd "$M"; printf a > x; printf b > y; mv -f x y; test "$(cat y)" = a; test ! -e x
      cp -r ../tree one; mv one two; mkdir deep; mv two deep/three; diff -r ../tree deep/three`)
    await same(join(door.local, 'tree'), door.remote('deep/three'))
  })

  test('an open file that is removed is gone, and its writer ends in peace', async () => {
    if (!usable()) return
    await sh('exec 3> "$M/open"; printf 1 >&3; rm "$M/open"; printf 2 >&3; exec 3>&-; test ! -e "$M/open"')
    await expect(stat(door.remote('open'))).rejects.toThrow('ENOENT')
  })

  test('links are refused in words, chmod does no harm', async () => {
    if (!usable()) return
    const { code, stderr } = await run('ln', ['-s', '/etc', join(mount, 'link')])
    expect([code, stderr]).toEqual([1, expect.stringMatching(/not (supported|permitted|implemented)/i)])
    await sh('printf m > "$M/mode"; chmod 600 "$M/mode"; test "$(cat "$M/mode")" = m; df "$M" | grep -q %')
  })

  test('git commits, and fsck finds nothing wrong', async () => {
    if (!usable() || !program('git')) return
    await sh(`cd "$M"; git init -q repo; cd repo; cp -r ../../tree .; git add -A
      git -c user.name=t -c user.email=t@example.org commit -qm first
      rm -r tree; git checkout -q -- tree; git gc -q; git fsck --strict; test -z "$(git status --porcelain)"`)
  })
})
