import { destination, type Logger, pino } from 'pino'

// Secrets do not get into log fields in the first place; this is the second line.
const SECRETS = ['value', 'password', 'secret', 'secretAccessKey', 'authorization', 'headers.authorization']

/** JSON lines on standard error; standard output belongs to people and scripts. */
export function createLog(level: string): Logger {
  const paths = SECRETS.flatMap((name) => [name, `*.${name}`])
  return pino({ level, redact: { paths, censor: '[secret]' } }, destination({ dest: 2, sync: true }))
}

/** The last net: a fault that escaped every handler is logged, and everybody else's transfers go on. */
export function keepRunning(log: Logger): void {
  process.on('uncaughtException', (error, origin) => log.error({ err: error, origin }, 'escaped error'))
}
