// Instants in the reader's own zone; the page says them in UTC.
const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
for (const time of document.querySelectorAll('time[datetime]')) {
  time.title = time.textContent
  time.textContent = format.format(new Date(time.dateTime))
}

// The sentence about the last change is said once, not again after a reload.
const address = new URL(location.href)
if (address.searchParams.has('done') || address.searchParams.has('out')) {
  address.searchParams.delete('done')
  address.searchParams.delete('out')
  history.replaceState(null, '', address)
}

// The part that is open can be seen where the list of parts is scrolled.
const current = document.querySelector('.parts [aria-current]')
const parts = document.querySelector('.parts')
if (current && parts && parts.scrollWidth > parts.clientWidth) {
  parts.scrollLeft = current.offsetLeft - parts.clientWidth / 2 + current.offsetWidth / 2
}

for (const link of document.querySelectorAll('[data-back]')) {
  if (history.length < 2) continue
  link.addEventListener('click', (event) => {
    event.preventDefault()
    history.back()
  })
}
