import { type Addresses, clientLines } from './client-lines.ts'
import { DEMO_FOLDER, type DemoKeys } from './demo.ts'
import type { RunningDoors } from './doors.ts'
import type { FirstStart } from './first-start.ts'

type Facts = {
  readonly doors: Pick<RunningDoors, 'addresses' | 'listeners'>
  readonly first: FirstStart | null
  readonly demo: DemoKeys | null
  readonly region: string
  readonly dataDir: string
  /** The web console is switched on. */
  readonly console: boolean
}

/** What a start prints: where the doors are and, once only, the secrets that it made. */
export function announce({ doors, first, demo, region, dataDir, console }: Facts): string {
  const { addresses } = doors
  const places = [...doors.listeners]
  if (console && addresses.rest !== undefined) places.push(`console ${addresses.rest}/console`)
  const parts = [`Latchkey serves ${dataDir}\n${places.map((one) => `  ${one}`).join('\n')}`]
  if (first !== null) parts.push(firstStart(first, addresses, region))
  if (demo !== null) parts.push(demoStart(demo, addresses, region))
  if (first === null && demo === null) {
    parts.push('New keys: `npx latchkey key create --help`')
  }
  return `${parts.join('\n\n')}\n\n`
}

function firstStart({ ticket, key }: FirstStart, addresses: Addresses, region: string): string {
  const link =
    addresses.rest === undefined
      ? ''
      : `Choose the administrator's password (user admin) within 24 hours, with this one-time link:\n  ${addresses.rest}/start/${ticket}\n\n`
  return `${link}The first key, "first", is the administrator's and ends in 30 days. It is shown now and never again.
  login  ${key.login}
  value  ${key.value}
  S3     ${key.accessKeyId} / ${key.secretAccessKey}

${clientLines(key, addresses, region, '/')}`
}

function demoStart(demo: DemoKeys, addresses: Addresses, region: string): string {
  const key = {
    login: demo.login,
    value: demo.value,
    accessKeyId: demo.access_key_id,
    secretAccessKey: demo.secret_access_key,
  }
  return `The key "demo" of the member demo, whose folder is ${DEMO_FOLDER} (also in demo.json):
  login  ${key.login}
  value  ${key.value}
  S3     ${key.accessKeyId} / ${key.secretAccessKey}
  site key, for the admin API: ${demo.site_key}

${clientLines(key, addresses, region, DEMO_FOLDER)}`
}
