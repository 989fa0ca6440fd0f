import { type Html, html, markupOf, type Piece } from './html.ts'
import { type IconName, icon } from './icons.ts'
import { DONE } from './sentences.ts'
import { type Answer, type PersonVisit, to, type Visit } from './visit.ts'

type Page = {
  readonly title: string
  /** Which part of the console the page belongs to. */
  readonly part?: string
  /** The way back up. */
  readonly up?: { readonly path: string; readonly label: string }
  /** Buttons beside the heading. */
  readonly actions?: Piece
  readonly body: Piece
  /** Small modules of ours that the page needs besides the common one. */
  readonly scripts?: readonly string[]
  readonly status?: number
}

type Part = { readonly path: string; readonly label: string; readonly icon: IconName }

function partsFor(visit: PersonVisit): readonly Part[] {
  const { isAdministrator, mayKeys, isBelow } = visit
  const all: readonly (Part & { readonly when: boolean })[] = [
    { path: '/', label: 'Overview', icon: 'overview', when: isAdministrator },
    { path: '/files', label: 'Files', icon: 'folder', when: !isBelow },
    { path: '/keys', label: 'Keys', icon: 'key', when: mayKeys },
    { path: '/users', label: 'Users', icon: 'user', when: isAdministrator },
    { path: '/groups', label: 'Groups', icon: 'group', when: isAdministrator },
    { path: '/sites', label: 'Sites', icon: 'site', when: isAdministrator },
    { path: '/audit', label: 'Audit', icon: 'audit', when: isAdministrator },
    { path: '/settings', label: 'Settings', icon: 'settings', when: isAdministrator },
    { path: '/account', label: 'Account', icon: 'account', when: !isBelow },
  ]
  return all.filter(({ when }) => when)
}

// The last one changes what the others say.
const STYLES = ['console.css', 'cards.css', 'controls.css', 'pages.css', 'small-screens.css']

/** A page of somebody who is logged in. */
export function page(
  visit: PersonVisit,
  { title, part, up, actions, body, scripts, status = 200 }: Page,
): Answer {
  const done = DONE.get(visit.query.get('done') ?? '')
  const links = partsFor(visit).map(
    ({ path, label, icon: name }) =>
      html`<li><a href="${to(visit, path)}"${label === part && html` aria-current="page"`}>${icon(name)}<span>${label}</span></a></li>`,
  )
  const content = html`<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/console">${icon('mark')}<span>Latchkey</span></a>
<p class="where">${visit.isBelow ? html`<span class="tag warn">${visit.site.name}</span> <a href="/console">leave this site</a>` : html`<span class="tag">${visit.site.name}</span>`}</p>
<form method="post" action="/console/logout" class="who">${token(visit)}<span class="soft">${visit.userName}</span><button class="plain" type="submit">Log out</button></form>
</header>
<div class="frame">
<nav class="parts" aria-label="Parts of the console"><ul>${links}</ul></nav>
<main id="main" tabindex="-1">
${up && html`<p class="up"><a href="${to(visit, up.path)}">${icon('back')}${up.label}</a></p>`}
<div class="head"><h1>${title}</h1>${actions && html`<div class="actions">${actions}</div>`}</div>
${done !== undefined && html`<p class="note good" role="status">${icon('tick')}${done}</p>`}
${body}
</main>
</div>`
  return send(visit, title, content, scripts, status)
}

/** A page for everybody: one card in the middle. */
export function smallPage(visit: Visit, { title, body, status = 200 }: Page): Answer {
  const content = html`<main class="small" id="main">
<p class="brand">${icon('mark')}<span>Latchkey</span></p>
<h1>${title}</h1>
${body}
</main>`
  return send(visit, title, content, [], status)
}

/** Why something was not done, with a way on. */
export function problemPage(visit: Visit, title: string, message: string): Answer {
  const body = html`<p class="note bad" role="alert">${icon('warning')}${message}</p>
<p class="row"><a class="button" href="/console" data-back>Go back</a> <a href="/console/login">Log in again</a></p>`
  return smallPage(visit, { title, body })
}

/** The hidden field that each form of a logged-in person brings. */
export function token({ csrf }: PersonVisit): Html {
  return html`<input type="hidden" name="csrf" value="${csrf}">`
}

function send(
  { deps: { assets } }: Visit,
  title: string,
  content: Html,
  scripts: readonly string[] = [],
  status: number,
): Answer {
  const modules = ['common.js', ...scripts].map(
    (name) => html`<script type="module" src="${assets.url(name)}"></script>\n`,
  )
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Latchkey</title>
<link rel="icon" href="${assets.url('icon.svg')}">
${STYLES.map((name) => html`<link rel="stylesheet" href="${assets.url(name)}">\n`)}${modules}</head>
<body>
${content}
</body>
</html>
`
  return { status, headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: markupOf(document) }
}
