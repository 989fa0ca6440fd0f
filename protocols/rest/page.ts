import { createHash } from 'node:crypto'
import { MIN_PASSWORD_LENGTH } from '#identity/password-rule.ts'
import { escapeAttribute, escapeText } from '#net/xml.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1c2530, #e8edf2); --soft: light-dark(#51606f, #a9b6c3);
  --paper: light-dark(#fff, #1b232c); --ground: light-dark(#eef2f5, #11171d); --line: light-dark(#8795a3, #66758a);
  --key: light-dark(#0b5c7a, #7fcdea); --on-key: light-dark(#fff, #0c1f28); --bad: light-dark(#a61b1b, #ff9c94); }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { width: min(100%, 27rem); padding: 2.25rem; background: var(--paper); border-radius: 14px;
  box-shadow: 0 1px 2px #0002, 0 12px 36px #0002; }
.name { margin: 0 0 1.5rem; color: var(--key); font-weight: 650; letter-spacing: .02em; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 1rem; }
label { display: block; margin: 1.1rem 0 .3rem; font-weight: 600; }
.hint { color: var(--soft); margin: .3rem 0 0; font-size: .9rem; }
.bad { color: var(--bad); font-weight: 600; }
input { width: 100%; padding: .65rem .75rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--line); border-radius: 8px; }
button { width: 100%; margin-top: 1.5rem; padding: .75rem; border: 0; border-radius: 8px; font: inherit;
  font-weight: 650; color: var(--on-key); background: var(--key); cursor: pointer; }
:focus-visible { outline: 3px solid var(--key); outline-offset: 2px; }
.go { display: block; padding: .75rem; border-radius: 8px; text-align: center; text-decoration: none; font-weight: 650;
  color: var(--on-key); background: var(--key); }
code { overflow-wrap: anywhere; font: .92em ui-monospace, monospace; }
ul { padding-left: 1.2rem; margin: 0; } li { margin: .4rem 0; }
`

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')

/** For every page of this door: no script, nothing from elsewhere, never in a frame. */
export const PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Frame-Options': 'DENY',
  'X-Robots-Tag': 'noindex, nofollow',
} as const

/** Where a password is chosen. `mistake`: why what was sent before was refused. */
export function passwordPage(action: string, mistake: string | null): string {
  const problem =
    mistake === null ? '' : `<p class="bad" role="alert" id="mistake">${escapeText(mistake)}</p>`
  const described = mistake === null ? 'hint' : 'mistake hint'
  const field = `type="password" required minlength="${MIN_PASSWORD_LENGTH}" maxlength="256" autocomplete="new-password"`
  return page(
    'Choose your password',
    `<h1>Choose your password</h1>
<p>This link works once. Opening it changes nothing; saving does.</p>
${problem}
<form method="post" action="${escapeAttribute(action)}">
<label for="password">New password</label>
<input id="password" name="password" ${field} aria-describedby="${described}" autofocus>
<p class="hint" id="hint">At least ${MIN_PASSWORD_LENGTH} characters. A few words in a row do well.</p>
<label for="again">The same again</label>
<input id="again" name="again" ${field}>
<button type="submit">Save the password</button>
</form>`,
  )
}

/** What was done, and how to go on. */
export function donePage({ userName, siteName }: { userName: string; siteName: string }): string {
  return page(
    'Your password is set',
    `<h1>Your password is set</h1>
<p><strong>${escapeText(userName)}</strong> on the site <strong>${escapeText(siteName)}</strong> has a new password.
This link is used up.</p>
<p><a class="go" href="/console/login?name=${escapeAttribute(encodeURIComponent(userName))}">Open the console</a></p>
<p>Or without it:</p>
<ul>
<li>Connect with the first key: its lines for curl, rclone, sftp, lftp and aws stand where the server was started.</li>
<li>Make more keys: <code>npx latchkey key create laptop --user ${escapeText(shellWord(userName))}</code></li>
<li>Or over HTTP: the API is described at <a href="/api/openapi.json">/api/openapi.json</a>.</li>
</ul>`,
  )
}

/** Why nothing was done. */
export function refusedPage(title: string, message: string): string {
  return page(
    title,
    `<h1>${escapeText(title)}</h1>
<p>${escapeText(message)}</p>
<p>A new link is made on the server: <code>npx latchkey user link NAME</code></p>`,
  )
}

function shellWord(text: string): string {
  return /^[\w.@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title)} · Latchkey</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<p class="name">Latchkey</p>
${body}
</main>
</body>
</html>
`
}
