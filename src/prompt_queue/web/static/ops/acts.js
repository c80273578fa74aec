/** What the operator presses: asked once more, with a reason, and told how it went. */

import { confirm, el, say } from '../shared/dom.js'
import { count } from '../shared/format.js'
import { sentence } from '../shared/session.js'
import * as api from './api.js'
import { bandOf } from './bands.js'
import { refresh } from './feed.js'

const WHY = 'Reason, for whoever looks later'

/** Asks, does, and says what came of it. @returns {Promise<boolean>} whether it was done */
async function press ({ title, words, yes, danger, deed, said }) {
  const reason = await confirm({ title, sentence: words, yes, danger, ask: WHY })
  return reason === null ? false : done(() => deed(reason), said)
}

async function done (deed, said) {
  try {
    say(said(await deed()))
  } catch (error) {
    say(error.status === 403 ? `This is not yours to press: ${sentence(error)}` : sentence(error), 10)
    return false
  }
  await refresh()
  return true
}

const nameOf = ({ model, priorities } = {}) => model ?? (priorities ? `${bandOf(priorities)} priority` : 'the queue')
const stood = (answer, words) => answer.changed === false ? `Nothing changed: ${words} before.` : null

export function pause (what = {}) {
  const name = nameOf(what)
  return press({
    title: `Pause ${name}?`,
    words: 'What runs is finished; new jobs are taken in and wait.',
    yes: 'Pause',
    danger: true,
    deed: reason => api.pause(what, reason),
    said: answer => stood(answer, 'it was paused') ?? `Paused: ${name}.`
  })
}

export function resume (what = {}) {
  const name = nameOf(what)
  return press({
    title: `Resume ${name}?`,
    words: 'Jobs that wait are started again at once.',
    yes: 'Resume',
    deed: reason => api.resume(what, reason),
    said: answer => stood(answer, 'it was going on') ?? `Going on: ${name}.`
  })
}

export function closeBreaker (model) {
  return press({
    title: `Close the breaker of ${model}?`,
    words: 'Calls go through again at once. Where the model still fails, the breaker opens by itself.',
    yes: 'Close it',
    deed: reason => api.setBreaker(model, 'closed', reason),
    said: answer => stood(answer, 'it was closed') ?? `${model} is asked again.`
  })
}

export function openBreaker (model) {
  return press({
    title: `Open the breaker of ${model}?`,
    words: 'Nobody asks it until the breaker is closed: jobs take the next model, or wait.',
    yes: 'Open it',
    danger: true,
    deed: reason => api.setBreaker(model, 'open', reason),
    said: answer => stood(answer, 'it was open') ?? `Nobody asks ${model} any more.`
  })
}

/** @param {'retry'|'cancel'|'hasten'} what @param {string[]} ids */
export const onJobs = (what, ids) =>
  many(what, ids.length === 1 ? 'this job' : `${count(ids.length)} jobs`, reason => api.onJobs(what, ids, reason))

/** @param {'retry'|'cancel'} what @param {Array<Record<string, string>>} filters jobs that match one of them */
export const onAllJobs = (what, filters) =>
  many(what, 'all jobs that match', reason => api.onAllJobs(what, filters, reason))

function many (what, jobs, deed) {
  const { title, words, yes, past } = ON_JOBS[what]
  return press({
    title: title(jobs),
    words,
    yes,
    danger: what === 'cancel',
    deed,
    said: ({ changed, refused = [] }) => outcome(past, changed, refused)
  })
}

/** How a bulk act went, in words. */
export function outcome (past, changed, refused) {
  const did = `${count(changed)} ${changed === 1 ? 'job' : 'jobs'} ${past}.`
  if (!refused.length) return did
  const [first] = refused
  const left = refused.length === 1 ? '1 was left as it is' : `${count(refused.length)} were left as they are`
  return `${did} ${left}: ${first.detail ?? first.code}`
}

const ON_JOBS = {
  retry: {
    title: jobs => `Try ${jobs} again?`,
    words: 'Failed jobs wait in the queue again, with all their retries. Other jobs are left as they are.',
    yes: 'Try again',
    past: 'will be tried again'
  },
  cancel: {
    title: jobs => `Cancel ${jobs}?`,
    words: 'At once and for good. What was paid for already is not paid back.',
    yes: 'Cancel for good',
    past: 'cancelled'
  },
  hasten: {
    title: jobs => `Try ${jobs} now?`,
    words: 'The pause after the last failure is left out. The attempt counts as any other.',
    yes: 'Try now',
    past: 'tried now'
  }
}

export function replay (delivery) {
  return press({
    title: 'Send the webhook again?',
    words: 'The receiver gets the same message under the same id, with all its tries.',
    yes: 'Send again',
    deed: () => api.replay(delivery.id),
    said: () => 'It is sent again.'
  })
}

/** New limits for a model, in a dialog. @param {Record<string, any>} model as the overview has it */
export async function changeLimits (model) {
  const rps = number('limits-rps', model.requestsPerSecond)
  const tpm = number('limits-tpm', model.tokensPerMinute)
  const reason = el('input', { class: 'input', id: 'limits-reason', maxlength: 500, autocomplete: 'off' })
  const dialog = el('dialog', { 'aria-labelledby': 'limits-title' },
    el('form', { method: 'dialog', class: 'stack' },
      el('h2', { id: 'limits-title' }, `Limits of ${model.model}`),
      el('p', { class: 'soft' },
        'They count with the next call of every worker, and settings do not change them any more.'),
      field('Requests a second', 'limits-rps', rps, 'Empty: no limit.'),
      field('Tokens a minute', 'limits-tpm', tpm, 'Empty: no limit.'),
      field(WHY, 'limits-reason', reason),
      el('div', { class: 'row' },
        el('button', { class: 'button', value: '', formnovalidate: true }, 'Leave it'),
        el('button', { class: 'button primary', value: 'yes' }, 'Change the limits'))))
  document.body.append(dialog)
  dialog.showModal()
  await new Promise(resolve => dialog.addEventListener('close', resolve, { once: true }))
  dialog.remove()
  if (dialog.returnValue !== 'yes') return false
  const limits = { requestsPerSecond: valueOf(rps), tokensPerMinute: valueOf(tpm) }
  return done(
    () => api.setLimits(model.model, limits, reason.value.trim()),
    answer => stood(answer, 'these were the limits') ?? `${model.model} has new limits.`
  )
}

function number (id, value) {
  const numeric = { type: 'number', min: '0.001', step: 'any', inputmode: 'decimal' }
  return el('input', { class: 'input', id, value: value ?? '', ...numeric })
}
const valueOf = input => input.value === '' ? null : Number(input.value)
const field = (label, id, input, hint) =>
  el('div', { class: 'field' }, el('label', { for: id }, label), input, hint && el('span', { class: 'hint' }, hint))
