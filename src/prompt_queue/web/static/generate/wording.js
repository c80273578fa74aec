/** A view in words: pure. */

import { ENDED, isRunning } from './machine.js'
import { filled } from './strings.js'

/**
 * @typedef {object} Words
 * @property {string} title  the state
 * @property {string} detail  what is behind it: place and wait, or a sentence
 * @property {string} spoken  for screen readers; changes with the state, not with every second
 * @property {string} note  where the prompt comes from
 */

/** Longer than the last word by so much, a countdown would tell a lie. */
const SLACK = 3000
const SLACK_SHARE = 0.3

/**
 * @param {import('./machine.js').View} view @param {(name: string) => string|undefined} text  a string by its name
 * @param {number} at @param {boolean} [online]  whether the browser says that there is a network
 * @returns {Words}
 */
export function wordsOf (view, text, at, online = true) {
  const say = (name, values = {}) => filled(text(name) ?? '', values)
  const title = titleOf(view, say)
  const detail = detailOf(view, say, text, at, online)
  return { title, detail, spoken: spokenOf(view, title, detail, say), note: noteOf(view, text) }
}

function titleOf (view, say) {
  const { state, mode, count, pictures, step } = view
  if (view.cancelling) return say('cancelling')
  if (state === 'done' && mode === 'picture') {
    if (pictures.length < count) return say('done-some', { count: pictures.length, wanted: count })
    return pictures.length > 1 ? say('done-pictures', { count: pictures.length }) : say('done-picture')
  }
  if (state === 'rendering') {
    if (step === 0) return say('rendering-waits')
    if (step === 2) return say('saving')
    return count > 1 ? say('rendering-many', { count }) : say('rendering')
  }
  return say(state)
}

function detailOf (view, say, text, at, online) {
  if (view.state === 'failed') return text(`error-${view.code}`) ?? view.error ?? ''
  if (view.state === 'cancelled') return view.receipt ?? say('cancelled-detail')
  if (!isRunning(view)) return ''
  if (view.offline) return say(online ? 'away' : 'offline')
  if (view.cancelling) return ''
  if (view.reason) return say(`wait-${view.reason.replaceAll('_', '-')}`) || say('queued')
  const parts = [view.repeats ? say('repeats') : '', placeOf(view, say), waitOf(view, say, at)]
  return parts.filter(Boolean).join(' · ')
}

function placeOf (view, say) {
  if (view.state !== 'queued' || view.position === null) return ''
  if (view.overtaken) return say('overtaken')
  if (view.position === 0) return say('next')
  return view.position === 1 ? say('position-one') : say('position', { position: view.position.toLocaleString() })
}

function waitOf (view, say, at) {
  if (view.due === null) return ''
  const left = view.due - at
  const slack = Math.max(SLACK, SLACK_SHARE * (view.lately - at))
  if (left < -1000 || view.lately - view.due > slack) return say('late')
  const seconds = Math.max(0, left / 1000)
  if (seconds < 1.5) return say('wait-moment')
  if (seconds < 10) return say('wait-seconds', { n: Math.round(seconds) })
  if (seconds < 90) return say('wait-seconds', { n: Math.round(seconds / 5) * 5 })
  return say('wait-minutes', { n: Math.round(seconds / 60) })
}

function spokenOf (view, title, detail, say) {
  if (view.state === 'idle') return ''
  if (view.offline && isRunning(view)) return detail
  if (view.state === 'queued' && !view.cancelling && !view.reason) {
    const first = view.firstPosition
    const place = first === null ? '' : placeOf({ ...view, overtaken: false, position: first }, say)
    return [title, place].filter(Boolean).join(': ')
  }
  if (isRunning(view)) return view.reason ? `${title}: ${detail}` : title
  const said = view.state === 'done' && view.mode === 'prompt' ? view.prompt : detail
  return ENDED.includes(view.state) && said ? `${title}: ${said}` : title
}

function noteOf (view, text) {
  if (view.state !== 'done' || !view.source) return ''
  return text(`source-${view.source}`) ?? ''
}
