// Copies the text of an element. Where the page is not served over HTTPS, the old way still works.
async function copy(element) {
  const text = element.textContent
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text)
    return
  }
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'unseen'
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  if (!done) throw new Error('not copied')
}

for (const button of document.querySelectorAll('[data-copy]')) {
  const target = document.getElementById(button.dataset.copy)
  const word = button.firstChild
  button.hidden = false
  button.addEventListener('click', async () => {
    const before = word.data
    try {
      await copy(target)
      word.data = 'Copied'
    } catch {
      getSelection()?.selectAllChildren(target)
      word.data = 'Press Ctrl+C'
    }
    setTimeout(() => {
      word.data = before
    }, 2000)
  })
}
