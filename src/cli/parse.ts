import { parseArgs } from 'node:util'
import { Fault } from '#faults'
import { closest } from './closest.ts'
import { COMMON_OPTIONS, type Command, type OptionSpecs, type Typed } from './command.ts'

/** Reads what follows the command's words. Fault `invalid`, with the nearest option for an unknown one. */
export function parseCommandLine(command: Command, argv: readonly string[]): Typed {
  const specs: OptionSpecs = { ...COMMON_OPTIONS, ...command.options }
  const options = Object.fromEntries(Object.entries(specs).map(([name, { type }]) => [name, { type }]))
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const args: string[] = []
  const texts = new Map<string, string>()
  const flags = new Set<string>()
  for (const token of tokens) {
    if (token.kind === 'positional') args.push(token.value)
    if (token.kind !== 'option') continue
    const spec = new Map(Object.entries(specs)).get(token.name)
    if (spec === undefined) throw unknownOption(token.rawName, Object.keys(specs))
    if (spec.type === 'boolean') flags.add(noValue(token.name, token.value))
    else texts.set(token.name, needValue(token))
  }
  return { args, text: (name) => texts.get(name), flag: (name) => flags.has(name) }
}

/** Refuses missing and superfluous arguments, and missing options. Fault: invalid. */
export function checkComplete(command: Command, typed: Typed): void {
  const missing = command.arguments[typed.args.length]
  if (missing !== undefined) throw new Fault('invalid', `${missing.name} is missing: ${missing.help}`)
  const superfluous = typed.args[command.arguments.length]
  if (superfluous !== undefined) throw new Fault('invalid', `'${superfluous}' is one argument too many`)
  for (const [name, { required, help }] of Object.entries(command.options)) {
    if (required && typed.text(name) === undefined)
      throw new Fault('invalid', `--${name} is missing: ${help}`)
  }
}

/** Moves common options that stand before the command behind it. */
export function commandFirst(argv: readonly string[]): string[] {
  const specs = new Map(Object.entries(COMMON_OPTIONS))
  let start = 0
  while (argv[start]?.startsWith('--') && argv[start] !== '--') {
    const [name = '', inline] = (argv[start] ?? '').slice(2).split('=', 2)
    start += specs.get(name)?.type === 'string' && inline === undefined ? 2 : 1
  }
  const words = argv.slice(start)
  const verbs = words.findIndex((word) => word.startsWith('-'))
  const cut = verbs === -1 ? words.length : verbs
  return [...words.slice(0, cut), ...argv.slice(0, start), ...words.slice(cut)]
}

/** Names after commas, without spaces. */
export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function unknownOption(rawName: string, names: readonly string[]): Fault {
  const near = closest(rawName.replace(/^-+/, ''), names)
  const hint = near === null ? '' : `; did you mean --${near}?`
  return new Fault('invalid', `there is no option ${rawName}${hint}`)
}

function noValue(name: string, value: string | undefined): string {
  if (value !== undefined) throw new Fault('invalid', `--${name} takes no value`)
  return name
}

function needValue(token: {
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}): string {
  const { rawName, value, inlineValue } = token
  if (value === undefined || value === '') throw new Fault('invalid', `${rawName} needs a value`)
  if (!inlineValue && value.startsWith('-')) {
    throw new Fault(
      'invalid',
      `${rawName} needs a value; one that starts with - is written ${rawName}=${value}`,
    )
  }
  return value
}
