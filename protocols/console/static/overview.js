// Shows the page as it is now every few seconds, unless somebody is reading, writing or about to press something.
const PERIOD_MS = 5000

async function refresh() {
  const main = document.querySelector('main')
  if (document.hidden || main.contains(document.activeElement) || String(getSelection()) !== '') return
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
  if (!answer.ok || answer.redirected) return
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main')
  if (fresh === null || main.contains(document.activeElement)) return
  for (const part of ['.counts', '.card']) {
    const held = main.querySelectorAll(part)
    for (const [index, element] of [...fresh.querySelectorAll(part)].entries())
      held[index]?.replaceWith(element)
  }
}

setInterval(() => refresh().catch(() => undefined), PERIOD_MS)
