// Sends files one after the other, each with its progress. A file that is there is replaced only when asked.
const zone = document.querySelector('.dropzone')
const list = zone.querySelector('.uploads')
const queue = []
let isRunning = false
let done = 0

function send(file, item, replaces) {
  const address = new URL(`${zone.dataset.upload}/${encodeURIComponent(file.name)}`, location.href)
  address.searchParams.set('modified', String(file.lastModified))
  if (replaces) address.searchParams.set('replace', '1')
  return new Promise((resolve) => {
    const request = new XMLHttpRequest()
    request.open('PUT', address)
    request.setRequestHeader('x-csrf-token', zone.dataset.csrf)
    request.setRequestHeader('accept', 'application/json')
    request.upload.addEventListener('progress', (event) => {
      if (!event.lengthComputable) return
      item.bar.value = event.loaded / event.total
      item.state.textContent = `${Math.floor((event.loaded / event.total) * 100)} %`
    })
    request.addEventListener('loadend', () => resolve(request))
    request.send(file)
  })
}

function messageOf(request) {
  try {
    return JSON.parse(request.responseText).message
  } catch {
    return request.status === 0 ? 'The connection was lost.' : `Failed (${request.status}).`
  }
}

function show(file) {
  const item = {
    row: document.createElement('li'),
    state: document.createElement('span'),
    bar: document.createElement('progress'),
  }
  const name = document.createElement('span')
  name.textContent = file.name
  item.state.textContent = 'waiting'
  item.bar.value = 0
  item.bar.setAttribute('aria-label', `Upload of ${file.name}`)
  item.row.append(name, item.state, item.bar)
  list.append(item.row)
  return item
}

async function upload({ file, item, replaces }) {
  const request = await send(file, item, replaces)
  if (request.status === 201) {
    done += 1
    item.bar.value = 1
    item.state.textContent = 'done'
    return
  }
  item.bar.remove()
  item.state.className = 'failed'
  item.state.textContent = messageOf(request)
  if (request.status !== 409) return
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'quiet'
  button.textContent = 'Replace it'
  button.addEventListener('click', () => {
    item.row.remove()
    add([file], true)
  })
  item.row.append(button)
}

async function run() {
  if (isRunning) return
  isRunning = true
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) await upload(next)
  isRunning = false
  if (done > 0 && list.querySelector('.failed') === null) location.reload()
}

function add(files, replaces = false) {
  for (const file of files) queue.push({ file, item: show(file), replaces })
  run()
}

zone.hidden = false
zone.querySelector('input').addEventListener('change', (event) => add([...event.target.files]))
for (const name of ['dragenter', 'dragover']) {
  document.addEventListener(name, (event) => {
    event.preventDefault()
    zone.classList.add('over')
  })
}
for (const name of ['dragleave', 'drop']) document.addEventListener(name, () => zone.classList.remove('over'))
document.addEventListener('drop', (event) => {
  event.preventDefault()
  add([...event.dataTransfer.files])
})
