import { type Running, start } from '../clients/run.ts'
import type { DemoFile } from '../clients/server.ts'

/** curl at every door: it is slowed down, so that a transfer is under way when something happens to it. */
export type Transfer = {
  readonly door: string
  upload(file: string, name: string, rate: string): Running
  download(name: string, rate: string): Running
}

const QUIET = ['-sS', '-o', '/dev/null']

/**
 * Names are those of files below `/demo`. `rate` as curl's `--limit-rate` has it. `wrapper`: the words of a program
 * that runs curl.
 */
export function transfersOf(demo: DemoFile, wrapper: readonly string[] = []): readonly Transfer[] {
  const login = ['-u', `${demo.login}:${demo.value}`]
  const signed = [
    ...['--aws-sigv4', `aws:amz:${demo.region}:s3`, '-H', 'x-amz-content-sha256: UNSIGNED-PAYLOAD'],
    ...['-u', `${demo.access_key_id}:${demo.secret_access_key}`],
  ]
  const curl = (...words: string[]) => [...wrapper, 'curl', ...QUIET, ...words]
  return [
    transfer('webdav', demo.webdav, curl(...login)),
    transfer('s3', demo.s3, curl(...signed)),
    transfer('rest', `${demo.rest}/api/v1/files`, curl(...login)),
    transfer('sftp', demo.sftp, curl(...login, '--insecure')),
    transfer('ftp', demo.ftp, curl(...login)),
  ]
}

function transfer(door: string, base: string, [program = '', ...words]: readonly string[]): Transfer {
  const curl = (name: string, rate: string, more: readonly string[] = []) =>
    start(program, [...words, '--limit-rate', rate, ...more, `${base}/demo/${name}`], { timeout: 600_000 })
  return {
    door,
    upload: (file, name, rate) => curl(name, rate, ['-T', file]),
    download: (name, rate) => curl(name, rate),
  }
}
