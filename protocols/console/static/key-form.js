// A tick among the single scopes means that single scopes are wanted.
for (const fields of document.querySelectorAll('[data-scopes]')) {
  const custom = fields.querySelector('input[name="preset"][value="custom"]')
  const ticks = fields.querySelector('details')
  for (const tick of fields.querySelectorAll('input[name="scope"]')) {
    tick.addEventListener('change', () => {
      custom.checked = true
    })
  }
  custom.addEventListener('change', () => {
    ticks.open = true
  })
}

// A site key has no limits of its own, a guest key neither user nor secrets.
const types = document.querySelectorAll('input[name="type"]')
function showFitting() {
  const type = document.querySelector('input[name="type"]:checked')?.value
  const show = (selector, isShown) => {
    const part = document.querySelector(selector)?.closest('.field, fieldset, .check')
    if (part) part.hidden = !isShown
  }
  show('#f-user', type === 'user')
  show('input[name="pair"]', type === 'user')
  show('input[name="preset"]', type !== 'site')
  show('#f-base_path', type !== 'site')
  const name = document.querySelector('#f-name')
  if (type === 'guest') name.value = 'guest'
  else if (name.value === 'guest') name.value = ''
  name.readOnly = type === 'guest'
}
for (const type of types) type.addEventListener('change', showFitting)
if (types.length > 0) showFitting()

const ends = document.querySelector('#f-expires')
const date = document.querySelector('#f-expires_at')
function showDate() {
  date.closest('.field').hidden = ends.value !== 'at'
  date.required = ends.value === 'at'
}
if (ends && date) {
  ends.addEventListener('change', showDate)
  showDate()
}
