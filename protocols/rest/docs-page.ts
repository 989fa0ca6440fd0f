import { createHash } from 'node:crypto'
import { escapeAttribute, escapeText } from '#net/xml.ts'
import type { Field, Operation, Section } from './described.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1c2530, #e8edf2); --soft: light-dark(#51606f, #a9b6c3);
  --paper: light-dark(#fff, #1b232c); --ground: light-dark(#eef2f5, #11171d); --line: light-dark(#d3dbe2, #33404c);
  --key: light-dark(#0b5c7a, #7fcdea); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0 0 .25rem; } h2 { margin: 2.5rem 0 .75rem; text-transform: capitalize; }
a { color: var(--key); } nav a { margin-right: .9rem; text-transform: capitalize; }
details { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; margin: .5rem 0; }
summary { padding: .6rem .9rem; cursor: pointer; overflow-wrap: anywhere; }
summary code { font-weight: 650; } .what { color: var(--soft); }
.inside { padding: 0 .9rem .9rem; overflow-x: auto; }
code { font: .92em ui-monospace, monospace; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-top: 1px solid var(--line); }
:focus-visible { outline: 3px solid var(--key); outline-offset: 2px; }
`

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')

/** For the page below: no script, nothing from elsewhere, never in a frame. */
export const DOCS_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Frame-Options': 'DENY',
} as const

/** The API's description as a page that folds open, without script. */
export function docsPage(sections: readonly Section[]): string {
  const links = sections.map(({ name }) => `<a href="#${escapeAttribute(name)}">${escapeText(name)}</a>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API · Latchkey</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Latchkey API</h1>
<p>One key opens every door to the same files. Send it as <code>Authorization: Bearer …</code>. Errors have one
shape: <code>{"error": {"code", "message", "details", "request_id"}}</code>. For programs:
<a href="/api/openapi.json">/api/openapi.json</a>.</p>
<nav aria-label="Subjects">${links.join('\n')}</nav>
${sections.map(sectionHtml).join('\n')}
</main>
</body>
</html>
`
}

function sectionHtml({ name, operations }: Section): string {
  return `<section aria-labelledby="${escapeAttribute(name)}">
<h2 id="${escapeAttribute(name)}">${escapeText(name)}</h2>
${operations.map(operationHtml).join('\n')}
</section>`
}

function operationHtml(operation: Operation): string {
  const { method, path, summary, description, needsKey, parameters, body, answer } = operation
  const named = parameters.map((one) => ({ ...one, name: `${one.name} (${one.place})` }))
  return `<details>
<summary><code>${method} ${escapeText(path)}</code> <span class="what">${escapeText(summary)}</span></summary>
<div class="inside">
${description === '' ? '' : `<p>${escapeText(description)}</p>`}
<p>${needsKey ? 'With a key.' : 'For anybody.'} Answer on success: ${escapeText(answer.status)}.</p>
${tableHtml('Parameters', named)}
${tableHtml('Body', body)}
${tableHtml('Answer', answer.fields)}
</div>
</details>`
}

function tableHtml(title: string, fields: readonly Field[]): string {
  if (fields.length === 0) return ''
  const rows = fields.map(
    ({ name, type, required, description }) =>
      `<tr><td><code>${escapeText(name)}</code>${required ? '' : ' <span class="what">optional</span>'}</td>` +
      `<td>${escapeText(type)}</td><td>${escapeText(description)}</td></tr>`,
  )
  return `<h3>${title}</h3>
<table><thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`
}
