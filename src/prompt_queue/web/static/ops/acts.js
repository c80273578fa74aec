/** What the operator presses: asked once more, with a reason, and told how it went. */

import { confirm, say } from '../shared/dom.js'
import { count } from '../shared/format.js'
import { sentence } from '../shared/session.js'
import * as api from './api.js'
import { bandOf } from './bands.js'
import { refresh } from './feed.js'

/** What every act is asked. */
export const WHY = 'Reason, for whoever looks later'

/** Asks, does, and says what came of it. @returns {Promise<boolean>} whether it was done */
async function press ({ title, words, yes, danger, deed, said }) {
  const reason = await confirm({ title, sentence: words, yes, danger, ask: WHY })
  return reason === null ? false : done(() => deed(reason), said)
}

/** Does, and says what came of it. @returns {Promise<boolean>} whether it was done */
export async function done (deed, said) {
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
/** The words for an act that found things as it wanted them. */
export const stood = (answer, words) => answer.changed === false ? `Nothing changed: ${words} before.` : null

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
