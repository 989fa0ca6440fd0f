/** IMF-fixdate (RFC 9110 §5.6.7) of milliseconds since the epoch. */
export const httpDate = remembering((date) => date.toUTCString())

/** RFC 3339 in whole seconds of milliseconds since the epoch. */
export const isoSeconds = remembering((date) => `${date.toISOString().slice(0, 19)}Z`)

/** Remembers the last one: neighbours in a listing were often made in the same second. */
function remembering(form: (date: Date) => string): (milliseconds: number) => string {
  let lastSecond = Number.NaN
  let text = ''
  return (milliseconds) => {
    const second = Math.floor(milliseconds / 1_000)
    if (second === lastSecond) return text
    text = form(new Date(milliseconds))
    lastSecond = second
    return text
  }
}
