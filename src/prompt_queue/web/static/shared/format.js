/** How numbers, times and states are put into words. All pure. */

const LANGUAGE = 'en'
const whole = new Intl.NumberFormat(LANGUAGE)

/** 1234567 as 1,234,567; nothing known as a dash. */
export const count = value => value == null ? '–' : whole.format(value)

/** A share as a percentage. */
export const percent = value => value == null ? '–' : `${(value * 100).toFixed(value > 0 && value < 0.1 ? 1 : 0)} %`

/** US dollars; small amounts keep the digits that matter. */
export function usd (value) {
  if (value == null) return '–'
  const digits = value === 0 || Math.abs(value) >= 1 ? 2 : Math.abs(value) >= 0.01 ? 3 : 5
  return `$${value.toFixed(digits)}`
}

/** Seconds as a person says them: 4 s, 2 min 10 s, 3 h, 2 days. */
export function duration (seconds) {
  if (seconds == null) return '–'
  const value = Math.max(0, seconds)
  if (value < 1 && value > 0) return `${Math.max(1, Math.round(value * 1000))} ms`
  if (value < 10) return `${Number(value.toFixed(1))} s`
  if (value < 60) return `${Math.round(value)} s`
  if (value < 600) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`.replace(' 0 s', '').replace(' 60 s', ' 59 s')
  if (value < 3600) return `${Math.round(value / 60)} min`
  if (value < 36 * 3600) return `${Number((value / 3600).toFixed(1))} h`
  return `${Math.round(value / 86400)} days`
}

/** A wait for somebody who waits: about 10 s, about 2 min. */
export function wait (seconds) {
  if (seconds == null) return ''
  if (seconds < 1.5) return 'a moment'
  if (seconds < 10) return `about ${Math.round(seconds)} s`
  if (seconds < 90) return `about ${Math.round(seconds / 5) * 5} s`
  return `about ${Math.round(seconds / 60)} min`
}

/** A time of day, or a date where it is not of today. @param {string} text RFC 3339 */
export function time (text) {
  if (!text) return '–'
  const when = new Date(text)
  const today = new Date().toDateString() === when.toDateString()
  return when.toLocaleString(LANGUAGE, today
    ? { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }
    : { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hour12: false })
}

/** The class of a badge for a state of a job. */
export function tone (status) {
  if (status === 'completed' || status === 'succeeded') return 'good'
  if (status === 'failed') return 'bad'
  if (status === 'cancelled') return ''
  if (status === 'queued' || status === 'waiting_prompt') return 'plain'
  return 'busy'
}

/** A state in words: waiting_prompt as "waiting for its prompt". */
export const state = status => WORDS[status] ?? String(status).replaceAll('_', ' ')
const WORDS = {
  waiting_prompt: 'waiting for its prompt',
  submission_unknown: 'finding out whether it was bought',
  succeeded: 'done',
  running: 'rendering'
}

/** Somebody's own words in a sentence: what they turn to the left ends with them. */
export const quoted = text => `“${text}${unclosed(String(text))}”`

/** The marks that end what a text leaves open of embeddings, overrides and isolates. */
function unclosed (text) {
  const open = []
  for (const mark of text) {
    if (/[\u202a\u202b\u202d\u202e]/.test(mark)) open.push('\u202c')
    else if (/[\u2066-\u2068]/.test(mark)) open.push('\u2069')
    else if (mark === '\u202c' && open.at(-1) === mark) open.pop()
    else if (mark === '\u2069' && open.includes(mark)) open.length = open.lastIndexOf(mark)
  }
  return open.reverse().join('')
}

/** The mission's bands: 1-3 low, 4-6 normal, 7-9 high, 10 critical. */
export const band = priority => priority >= 10 ? 'critical' : priority >= 7 ? 'high' : priority >= 4 ? 'normal' : 'low'
