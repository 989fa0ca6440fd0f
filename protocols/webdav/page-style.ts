import { createHash } from 'node:crypto'

/** The look of folder pages. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--back:#fbfbf9;--card:#fff;--line:#e4e4de;--text:#22231f;--soft:#5c5e57;--link:#1553b0}
@media (prefers-color-scheme:dark){:root{--back:#16171a;--card:#1f2024;--line:#34363c;--text:#e8e8e4;--soft:#a3a5a0;--link:#8ab4f8}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:1.25rem;font-weight:600;margin:0 0 1rem;overflow-wrap:anywhere}
h1 span{color:var(--soft);padding:0 .3em}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
a:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:2px}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line)}
th,td{padding:.5rem .9rem;text-align:left;border-bottom:1px solid var(--line)}
tr:last-child td{border-bottom:0}
th{font-size:.8rem;font-weight:600;color:var(--soft)}
td:first-child{overflow-wrap:anywhere}
.size,.time{white-space:nowrap;color:var(--soft);font-variant-numeric:tabular-nums}
.size{text-align:right}
.empty{color:var(--soft)}
@media (max-width:36rem){.time{display:none}th,td{padding:.5rem .6rem}}
`

const HASH = createHash('sha256').update(PAGE_STYLE).digest('base64')

/** Lets the page have its own style and nothing else: no script, no image, no frame, no form. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`
