/** Where a sheet stands, and what is said and offered there: pure, from what the server says of its jobs. */

import { hasEnded } from '../prompt-queue.js'

/** @typedef {'draft'|'sending'|'prompting'|'ready'|'painting'|'painted'|'failed'|'cancelled'} Stage */
/** @typedef {import('../prompt-queue.js').Job} Job */
/** @typedef {{phase: string, title: string, detail: string, from: number, to: number}} Progress */

/** @param {{prompt?: Job, picture?: Job, sending?: boolean}} sheet @returns {Stage} */
export function stageOf ({ prompt, picture, sending }) {
  if (sending) return 'sending'
  const job = picture ?? prompt
  if (!job) return 'draft'
  if (job.status === 'failed' || job.status === 'cancelled') return job.status
  if (!picture) return hasEnded(job) ? 'ready' : 'prompting'
  if (hasEnded(job)) return 'painted'
  return job.status === 'waiting_prompt' ? 'prompting' : 'painting'
}

const BADGES = {
  draft: ['', ''],
  sending: ['sending', 'busy'],
  prompting: ['prompt on its way', 'busy'],
  ready: ['prompt ready', 'good'],
  painting: ['picture on its way', 'busy'],
  painted: ['done', 'good'],
  failed: ['did not work', 'bad'],
  cancelled: ['cancelled', '']
}

/** The word on the sheet and its tone. @param {Stage} stage @returns {[string, string]} */
export const badgeOf = stage => BADGES[stage]

/**
 * What happens now, and which part of the bar that is.
 * @param {{prompt?: Job, picture?: Job, isSending?: boolean}} sheet @returns {Progress}
 */
export function progressOf ({ prompt, picture, isSending = true }) {
  const job = picture ?? prompt
  if (!job) {
    return step('sending', isSending ? 'Handing over your pictures' : 'Looking up where this stands', '', 0, 0.04)
  }
  const reason = job.waitingReason
  const told = reason && reason.code !== 'position' && reason.code !== 'waiting_prompt' ? reason.detail : ''
  if (job.partialPrompt) return step('writing', 'Writing the prompt', told, 0.45, picture ? 0.5 : 0.95)
  if (!picture || job.status === 'waiting_prompt') {
    const looks = (picture ? prompt?.status : job.status) === 'processing'
    if (looks) return step('looking', 'Looking at your pictures', told, 0.15, 0.45)
    return step('queued', 'In line', told || place(prompt?.position ?? job.position), 0.04, 0.15)
  }
  if (job.status === 'saving') return step('saving', 'Saving the picture', told, 0.94, 0.98)
  if (job.status === 'submission_unknown') {
    return step('unknown', 'Finding out what became of the order', told, 0.6, 0.65)
  }
  if (job.status === 'submitted' || job.status === 'running') {
    return step('painting', 'Making the picture', told, 0.6, 0.94)
  }
  return step('picture-queued', 'The picture is in line', told, 0.5, 0.6)
}

const step = (phase, title, detail, from, to) => ({ phase, title, detail, from, to })

function place (position) {
  if (position == null) return ''
  if (position === 0) return 'Yours is next.'
  return position === 1 ? 'One comes before yours.' : `${position.toLocaleString('en')} come before yours.`
}

const NEVER_THE_SAME = new Set(['invalid_input', 'picture_unfetched'])

/**
 * What makes sense after a failure, the likeliest first. A refusal is never tried again as it is, nor written around.
 * @param {{prompt?: Job, picture?: Job}} sheet @returns {Array<'retry'|'write'|'edit'|'change'>}
 */
export function actionsAfter ({ prompt, picture }) {
  const job = picture ?? prompt
  const code = job?.errorCode
  const ofPrompt = !picture || picture.promptStatus === 'failed'
  if (code === 'refused') return ofPrompt ? ['change'] : ['edit', 'change']
  const own = ofPrompt ? 'write' : 'edit'
  if (NEVER_THE_SAME.has(code)) return ofPrompt ? ['change', own] : [own, 'retry', 'change']
  return ['retry', own, 'change']
}

/** Where a prompt came from, for its reader. @param {Job} job */
export function originOf ({ source, model, standIn, degraded }) {
  if (source === 'manual') return 'Written by you.'
  if (source === 'template') return 'No model could answer, so this is from a template. Look at it twice.'
  if (source === 'existing') return 'No model could answer, so these are your words as they were.'
  const writer = standIn ? 'the stand-in' : model ?? 'Grok'
  const again = source === 'cache' ? ', for the same pictures before' : ''
  return `Written by ${writer}${again}.${degraded ? ' It was not the first choice of model.' : ''}`
}

/** What cancelling did. @param {Record<string, any>} receipt */
export function receiptOf (receipt) {
  if (receipt.sentence) return receipt.sentence
  if (receipt.callInFlight) return 'Cancelled. A call to Grok is on its way and may still be charged.'
  return receipt.calls ? 'Cancelled. What was asked before stays paid; nothing more is spent.'
    : 'Cancelled before anything was spent.'
}
