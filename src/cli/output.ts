import { type Column, formatFields, formatTable } from './table.ts'

/** Prints results: for people, or with `--json` for scripts. Only one of the two is printed. */
export type Output = {
  /** A list: JSON is `values`, people see a table or `empty`. */
  list(list: {
    values: readonly object[]
    columns: readonly Column[]
    rows: readonly (readonly string[])[]
    empty: string
  }): void
  /** One thing, or what was done. */
  result(value: object, text: string, fields?: readonly (readonly [string, string])[]): void
  /** Text of a form of its own, the same for both. */
  raw(text: string): void
}

export function createOutput(io: { stdout: (text: string) => void; columns: number }, json: boolean): Output {
  const printJson = (value: unknown) => io.stdout(`${JSON.stringify(value, null, 2)}\n`)
  return {
    raw: io.stdout,
    list({ values, columns, rows, empty }) {
      if (json) printJson(values)
      else if (rows.length === 0) io.stdout(`${empty}\n`)
      else io.stdout(formatTable(columns, rows, io.columns))
    },
    result(value, text, fields) {
      if (json) printJson(value)
      else io.stdout(`${text}\n${fields === undefined ? '' : `\n${formatFields(fields)}`}`)
    },
  }
}
