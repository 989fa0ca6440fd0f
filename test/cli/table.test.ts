import { describe, expect, test } from 'vitest'
import { formatFields, formatTable } from '#cli/table.ts'

const COLUMNS = [{ title: 'ID', whole: true }, { title: 'NAME' }, { title: 'NOTE' }]

describe('a table', () => {
  test('is as wide as it needs to be', () => {
    expect(formatTable(COLUMNS, [['a1', 'anna', '']], 80)).toBe('ID  NAME  NOTE\na1  anna\n')
  })

  test('fits its width: the widest column is cut with …, a whole one never', () => {
    const rows = [['12345678', 'a name that is long', 'a note that is longer still']]
    const lines = formatTable(COLUMNS, rows, 40).trimEnd().split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBe(40)
    expect(lines[1]).toBe('12345678  a name that i…  a note that i…')
  })

  test('keeps ids whole where the terminal is narrower than all it can cut', () => {
    expect(formatTable(COLUMNS, [['12345678', 'abcdefghij', 'abcdefghij']], 10)).toContain(
      '12345678  abcde…  abcde…',
    )
  })

  test('counts what is seen: wide characters as two, combined ones as one', () => {
    const [, wide, combined] = formatTable(
      [{ title: 'A' }, { title: 'B' }],
      [
        ['日本語', 'x'],
        ['cafe\u0301', 'x'],
      ],
      80,
    ).split('\n')
    expect(wide).toBe('日本語  x')
    expect(combined).toBe('cafe\u0301    x')
  })

  test('shows no control characters from the database', () => {
    expect(formatTable([{ title: 'A' }], [['\u001b[31mred']], 80)).toBe('A\n�[31mred\n')
    expect(formatFields([['a', 'x\u0007']])).toBe('  a  x�\n')
  })
})
