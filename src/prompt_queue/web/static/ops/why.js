/** Why a job waits, and what can be pressed for it. */

import { el, fill } from '../shared/dom.js'
import { duration, time } from '../shared/format.js'
import { command, link, withCode, write } from './parts.js'
import { adviceFor } from './unblock.js'

/** What helps a job that waits; null for one that does not. */
export function adviceOf (found, overview) {
  const { job, kind, waitingReason, userId, promptJobId } = found
  if (!waitingReason || !overview) return null
  const facts = { kind, priority: job.priority, userId, errorCode: job.errorCode, promptJobId }
  return adviceFor(waitingReason, facts, overview)
}

/** @param {false | ((act: import('./unblock.js').Act) => void)} press  none: no buttons */
export function whyCard (press) {
  const title = el('h2', { id: 'why-title' })
  const when = el('p', { class: 'small' })
  const body = el('div', { class: 'stack' })
  const node = el('section', { class: 'panel why', 'aria-labelledby': 'why-title', hidden: true },
    el('p', { class: 'tiny' }, 'Why it waits'), title, body, when)
  let drawn = ''
  return {
    node,
    show (found, overview) {
      const advice = adviceOf(found, overview)
      node.hidden = !advice
      if (!advice) return
      write(title, advice.title)
      write(when, timesOf(found.waitingReason, found.eta))
      // Written anew only where it differs, so that a button that has the focus stays.
      const text = JSON.stringify([found.waitingReason.detail, advice])
      if (text !== drawn) fill(body, contents(found.waitingReason, advice, press))
      drawn = text
    }
  }
}

function contents (reason, { words, acts, links, command: line }, press) {
  return [
    el('p', {}, withCode(reason.detail)),
    el('p', { class: 'small' }, words),
    press && acts.length > 0 && el('div', { class: 'row wrap' }, acts.map((act, index) =>
      el('button', { class: `button ${index ? '' : 'primary'}`, type: 'button', onclick: () => press(act) },
        act.label))),
    line && command(line),
    links.length > 0 && el('p', { class: 'row wrap small' }, links.map(one => link(one.href, one.label)))
  ]
}

function timesOf (reason, eta) {
  return [
    reason.until && `Until ${time(reason.until)}.`,
    eta && `Expected to be done in ${duration(eta.doneP50)}, nine times of ten in ${duration(eta.doneP90)}.`
  ].filter(Boolean).join(' ')
}
