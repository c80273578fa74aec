/**
 * What the button shows, from what was heard: one pure function. Times are milliseconds of one clock that never goes
 * back. Within a run nothing does: neither the stage, nor the bar, nor the text, nor the numbers of the wait.
 */

import { shownAddress } from '../shared/address.js'

/**
 * @typedef {'idle'|'sending'|'queued'|'looking'|'writing'|'rendering'|'done'|'failed'|'cancelled'} State
 * @typedef {'again'|'own'|'template'|'existing'|'over'|'anew'|'another'|'change'} Action
 */

/**
 * @typedef {object} View
 * @property {State} state
 * @property {'prompt'|'picture'} mode
 * @property {number} progress  0 to 1
 * @property {number} since  when the stage began
 * @property {string|null} promptJobId
 * @property {string|null} jobId
 * @property {number|null} position  how many come first; the lowest number that was heard
 * @property {number|null} firstPosition
 * @property {boolean} overtaken  others came in between since
 * @property {number|null} due  when it should be ready; the earliest that was heard
 * @property {number|null} lately  when it should be ready, by the last word
 * @property {string|null} reason  the code of what it waits for, besides its turn
 * @property {boolean} repeats  an attempt failed, and the next one is under way
 * @property {string} text  the prompt, as far as it goes
 * @property {string|null} prompt  the prompt, when it is there
 * @property {string|null} source
 * @property {boolean} standIn
 * @property {number} step  of a picture: 0 waits, 1 is made, 2 is saved
 * @property {number} count  pictures that were asked for
 * @property {Array<{url: string, thumbnailUrl: string|null, width: number|null, height: number|null}>} pictures
 * @property {string|null} targetUrl
 * @property {string|null} error  a sentence
 * @property {string|null} code
 * @property {Action[]} actions
 * @property {boolean} cancelling
 * @property {string|null} receipt  a sentence about what could not be stopped
 * @property {boolean} offline
 */

export const STAGES = ['sending', 'queued', 'looking', 'writing', 'rendering']
export const ENDED = ['done', 'failed', 'cancelled']
const BANDS = {
  prompt: { sending: [0, 0.04], queued: [0.04, 0.3], looking: [0.3, 0.5], writing: [0.5, 0.96] },
  picture: {
    sending: [0, 0.03], queued: [0.03, 0.15], looking: [0.15, 0.25], writing: [0.25, 0.45], rendering: [0.45, 0.97]
  }
}
const USUAL = { sending: 1500, queued: 10000, looking: 5000, writing: 4000, rendering: 20000 }
const USUAL_LENGTH = 260
const STEPS = { queued: 0, submitting: 0, submission_unknown: 1, submitted: 1, running: 1, saving: 2 }
// Where another request, or a template, could not help: docs/failures.md.
const NO_REPEAT = new Set(['refused', 'invalid_input'])
const NO_TEMPLATE = new Set(['refused', 'invalid_input', 'picture_unfetched', 'worker_died'])
const SPOKEN = new Set([null, undefined, 'position', 'waiting_prompt'])

/** @param {'prompt'|'picture'} mode @returns {View} */
export function initial (mode) {
  return {
    state: 'idle', mode, progress: 0, since: 0, promptJobId: null, jobId: null, position: null, firstPosition: null,
    overtaken: false, due: null, lately: null, reason: null, repeats: false, text: '', prompt: null, source: null,
    standIn: false, step: 0, count: 1, pictures: [], targetUrl: null, error: null, code: null, actions: [],
    cancelling: false, receipt: null, offline: false
  }
}

/** Whether something is under way. @param {View} view */
export const isRunning = view => STAGES.includes(view.state)

/**
 * The view after an event. Events: `started`, `found` (after a reload), `accepted`, `prompt` and `picture` (a job as
 * the server tells it), `tick`, `refused` (an error without a job), `cancelling`, `cancelled`, `line` (with `up`),
 * `reset`. All have `at`; see the cases for what else.
 * @param {View} view @param {Record<string, any>} event @returns {View}
 */
export function next (view, event) {
  const { type, at, job, wishes } = event
  switch (type) {
    case 'reset': return { ...initial(event.mode ?? view.mode), offline: view.offline }
    case 'line': return { ...view, offline: !event.up }
    case 'started': {
      const { count = 1, targetUrl = null } = event
      return { ...initial(view.mode), state: 'sending', since: at, count, targetUrl, offline: view.offline }
    }
    case 'found': {
      return { ...initial(view.mode), ...remembered(event.past), since: at, offline: view.offline }
    }
    case 'refused': return refused(view, event)
    case 'cancelling': return isRunning(view) ? { ...view, cancelling: true } : view
    case 'cancelled': return isRunning(view) ? cancelled(view, event.sentence) : view
  }
  // A word about a run that is over, or about another one, changes nothing.
  if (!isRunning(view)) return view
  switch (type) {
    case 'accepted': return forward(awaited({ ...view, ...idsOf(job) }, job, at), stageOf(view, job), at)
    case 'prompt': return forward(ofPrompt(view, job, wishes, at), stageOf(view, job), at)
    case 'picture': return forward(ofPicture(view, job, wishes, at), stageOf(view, job), at)
    case 'tick': return forward(view, view.state, at)
    default: throw new TypeError(`unknown event ${type}`)
  }
}

/** What a tab has kept, where it is of its kind. */
function remembered ({ stage, progress, text, count }) {
  return {
    state: STAGES.includes(stage) ? stage : 'sending',
    progress: progress > 0 && progress < 1 ? progress : 0,
    ...(typeof text === 'string' && { text }),
    ...(Number.isInteger(count) && { count })
  }
}

/**
 * What makes sense after a failure. `wishes`: what was asked for.
 * @param {string|null} code @param {{minQuality?: string, existingPrompt?: string}} [wishes] @returns {Action[]}
 */
export function actionsAfter (code, { minQuality = 'template_ok', existingPrompt } = {}) {
  const actions = []
  if (!NO_REPEAT.has(code)) actions.push('again')
  if (minQuality !== 'template_ok' && !NO_TEMPLATE.has(code)) actions.push('template')
  if (existingPrompt && code !== 'refused') actions.push('existing')
  actions.push('own')
  if (NO_REPEAT.has(code)) actions.push('over')
  return actions
}

function refused (view, { code = null, sentence, retryable = true }) {
  return { ...ended(view, 'failed'), code, error: sentence, actions: [retryable ? 'again' : 'over'] }
}

function ofPrompt (view, job, wishes, at) {
  const targetUrl = shownAddress(job.targetUrl) ?? view.targetUrl
  const heard = { ...view, ...idsOf(job), targetUrl, text: longer(view, job) }
  const standIn = view.standIn || job.standIn === true
  if (job.status === 'completed') {
    const facts = { text: job.generatedPrompt, prompt: job.generatedPrompt, source: job.source ?? null, standIn }
    if (view.mode === 'picture') return { ...heard, ...facts, reason: null, repeats: false }
    return { ...ended(heard, 'done'), ...facts, progress: 1, actions: ['change', 'another'] }
  }
  // Of a picture, the job of the picture says how it ended.
  if (view.mode === 'picture' && job.status !== 'queued' && job.status !== 'processing') return heard
  if (job.status === 'failed') return failed(heard, job, wishes)
  if (job.status === 'cancelled') return cancelled(heard)
  const waited = { ...placed(heard, job), standIn, reason: reasonOf(job), repeats: isBack(view, job) }
  return view.mode === 'picture' ? waited : awaited(waited, job, at)
}

function ofPicture (view, job, wishes, at) {
  const prompt = job.prompt ?? view.prompt
  const heard = {
    ...view, ...idsOf(job), prompt, count: job.count ?? view.count, text: prompt ?? longer(view, job),
    step: Math.max(view.step, STEPS[job.status] ?? 0), standIn: view.standIn || job.standIn === true
  }
  if (job.status === 'succeeded') {
    const pictures = job.pictures.filter(one => one.url)
    return { ...ended(heard, 'done'), progress: 1, pictures, actions: ['another'] }
  }
  if (job.status === 'failed') return failed(heard, job, prompt ? {} : wishes)
  if (job.status === 'cancelled') return cancelled(heard)
  return awaited({ ...heard, reason: reasonOf(job) }, job, at)
}

function failed (view, job, wishes) {
  const code = job.errorCode ?? null
  return { ...ended(view, 'failed'), code, error: job.error, actions: actionsAfter(code, wishes) }
}

const cancelled = (view, receipt = null) => ({ ...ended(view, 'cancelled'), receipt, actions: ['anew'] })

function ended (view, state) {
  return { ...view, state, cancelling: false, reason: null, repeats: false, overtaken: false, offline: false }
}

/** The stage that a job is in. */
function stageOf (view, job) {
  if (job.jobId && job.status !== 'waiting_prompt') return 'rendering'
  if (job.status === 'completed') return 'rendering'
  if (job.partialPrompt) return 'writing'
  return job.status === 'processing' ? 'looking' : 'queued'
}

/** Into a stage, never out of it again, and along its part of the bar. */
function forward (view, stage, at) {
  if (!isRunning(view)) return view
  const moves = STAGES.indexOf(stage) > STAGES.indexOf(view.state)
  const here = moves ? { ...view, state: stage, since: at } : view
  const [low, high] = BANDS[here.mode][here.state]
  const share = here.state === 'writing' ? 1 - Math.exp(-here.text.length / USUAL_LENGTH) : timeShare(here, at)
  return { ...here, progress: Math.max(here.progress, low + (high - low) * share) }
}

function timeShare (view, at) {
  const unknown = view.due === null || view.state === 'sending'
  const expected = Math.max(unknown ? USUAL[view.state] : view.due - view.since, 1000)
  return 1 - Math.exp(-1.6 * Math.max(0, at - view.since) / expected)
}

function placed (view, job) {
  const position = job.position ?? null
  if (position === null) return { ...view, overtaken: false }
  const lowest = view.position === null ? position : Math.min(view.position, position)
  return { ...view, position: lowest, firstPosition: view.firstPosition ?? position, overtaken: position > lowest }
}

function awaited (view, job, at) {
  if (typeof job.estimatedWaitTime !== 'number') return view
  const lately = at + job.estimatedWaitTime * 1000
  const due = view.due === null ? lately : Math.min(view.due, lately)
  return { ...placed(view, job), due, lately }
}

/** What is shown grows only; another attempt's text is shown when it is longer. */
function longer (view, job) {
  const text = job.partialPrompt ?? ''
  return text.length > view.text.length ? text : view.text
}

function isBack (view, job) {
  return STAGES.indexOf(view.state) > STAGES.indexOf(stageOf(view, job)) || (job.retryCount ?? 0) > 0
}

const reasonOf = job => SPOKEN.has(job.waitingReason?.code) ? null : job.waitingReason.code

function idsOf (job) {
  return { ...(job.promptJobId && { promptJobId: job.promptJobId }), ...(job.jobId && { jobId: job.jobId }) }
}
