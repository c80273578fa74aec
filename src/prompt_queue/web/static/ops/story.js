/** A job's timeline as a person reads it: events in words, calls and messages between them. Pure. */

import { count, duration, quoted, usd } from '../shared/format.js'

/**
 * @typedef {object} Entry
 * @property {string} at  RFC 3339
 * @property {'event'|'call'|'webhook'} sort
 * @property {string} tone  good, bad, warn, busy or ''
 * @property {string} title
 * @property {string} detail
 * @property {Record<string, any>} source  what it was made of
 */

/**
 * Everything that happened, oldest first.
 * @param {{events?: any[], calls?: any[], webhooks?: any[]}} timeline @returns {Entry[]}
 */
export function entriesOf ({ events = [], calls = [], webhooks = [] }) {
  return [...events.map(ofEvent), ...calls.map(ofCall), ...webhooks.map(ofWebhook)]
    .map((entry, index) => ({ entry, index }))
    .sort((a, b) => Date.parse(a.entry.at) - Date.parse(b.entry.at) || a.index - b.index)
    .map(({ entry }) => entry)
}

/**
 * The same in groups: what belongs to an attempt stands together, where the attempt began.
 * @param {Entry[]} entries
 * @param {Array<{number: number, leg: string, claimedAt: string, endedAt: string | null, calls: string[]}>} attempts
 * @returns {Array<{attempt: Record<string, any> | null, entries: Entry[]}>}
 */
export function grouped (entries, attempts) {
  const groups = []
  const ofAttempt = new Map()
  for (const entry of entries) {
    const attempt = attempts.find(one => belongs(entry, one)) ?? null
    let group = attempt ? ofAttempt.get(attempt) : groups.at(-1)
    if (!group || (!attempt && group.attempt)) {
      group = { attempt, entries: [] }
      groups.push(group)
      if (attempt) ofAttempt.set(attempt, group)
    }
    group.entries.push(entry)
  }
  return groups
}

function belongs ({ sort, at, source }, attempt) {
  if (sort === 'call') return attempt.calls.includes(source.callId)
  if (sort !== 'event') return false
  const leg = source.kind.startsWith('picture_') ? 'picture' : 'prompt'
  const when = Date.parse(at)
  return leg === attempt.leg && when >= Date.parse(attempt.claimedAt) &&
    when <= (attempt.endedAt === null ? Infinity : Date.parse(attempt.endedAt))
}

function ofEvent (event) {
  const data = event.data ?? {}
  const [tone, title, detail] = EVENTS[event.kind]?.(data) ?? ['', event.kind.replaceAll('_', ' '), '']
  const actor = event.actor ?? data.actor
  const reason = event.reason ?? data.reason
  const by = actor ? `By ${actor}${reason ? `: ${quoted(reason)}` : ''}.` : ''
  return { at: event.createdAt, sort: 'event', tone, title, detail: sentences(detail, by), source: event }
}

function ofCall (call) {
  const took = call.endedAt ? (Date.parse(call.endedAt) - Date.parse(call.startedAt)) / 1000 : null
  const written = (call.completionTokens ?? 0) + (call.reasoningTokens ?? 0)
  const facts = [
    took !== null && duration(took),
    call.promptTokens != null && `${count(call.promptTokens)} tokens in, ${count(written)} out`,
    call.httpStatus && `HTTP ${call.httpStatus}`,
    call.errorCode && String(call.errorCode).replaceAll('_', ' '),
    call.costUsd != null && usd(call.costUsd)
  ].filter(Boolean)
  const bad = call.errorCode || call.state === 'unanswered'
  return {
    at: call.startedAt,
    sort: 'call',
    tone: bad ? 'bad' : call.endedAt ? 'good' : 'busy',
    title: `Asked ${call.servedModel ?? call.model ?? call.provider ?? 'the provider'}`,
    detail: call.endedAt ? facts.join(' · ') : call.state === 'unanswered' ? 'No answer was seen.'
      : 'The answer has not come yet.',
    source: call
  }
}

function ofWebhook (one) {
  const tries = one.tries === 1 ? '1 try' : `${one.tries} tries`
  const tone = { delivered: 'good', exhausted: 'bad', disabled: 'bad' }[one.state] ?? 'busy'
  return {
    at: one.createdAt,
    sort: 'webhook',
    tone,
    title: DELIVERIES[one.state] ?? 'Webhook on its way',
    detail: [one.type, tries, one.lastStatus && `HTTP ${one.lastStatus}`].filter(Boolean).join(' · '),
    source: one
  }
}

const DELIVERIES = { delivered: 'Webhook delivered', exhausted: 'Webhook given up', disabled: 'Webhook not sent' }
const code = data => data.code ? `Because: ${String(data.code).replaceAll('_', ' ')}.` : ''
const again = data => data.delaySeconds ? `Again in ${duration(data.delaySeconds)}.` : ''
const sentences = (...parts) => parts.filter(Boolean).join(' ')
const numbered = (data, words) => data.number > 1 ? `${words} (picture ${data.number})` : words

const EVENTS = {
  queued: data => ['', 'Queued', data.priority ? `With priority ${data.priority}.` : ''],
  claimed: data => ['busy', 'Taken by a worker', data.worker ?? ''],
  completed: data => ['good', 'The prompt is there',
    SOURCES[data.source] ?? (data.model ? `Written by ${data.model}.` : '')],
  failed: data => ['bad', 'Failed', sentences(code(data), data.followed && 'With an identical request.')],
  cancelled: data => ['', 'Cancelled', data.savedUsd ? `About ${usd(data.savedUsd)} saved.` : ''],
  retry_scheduled: data => ['warn', 'Failed, and tried again', sentences(code(data), again(data))],
  postponed: data => ['warn', 'Put off', sentences(code(data), again(data))],
  released: data => ['', 'Given back', 'Its worker stopped; that does not count as an attempt.'],
  retried: () => ['', 'Tried again by hand', ''],
  hastened: () => ['', 'To be tried at once', ''],
  following: () => ['', 'Waits for an identical request', 'It gets the same prompt.'],
  lease_lost: data => ['warn', 'Its worker fell silent', data.losses ? `For the ${ordinal(data.losses)} time.` : ''],
  superseded: data => ['', 'Replaced', data.successor ? `By ${data.successor}.` : ''],
  unfenced_write: () => ['warn', 'Changed from outside', 'A program wrote the state without holding the job.'],
  pictures: data => ['', 'Its pictures were looked at', ''],
  readmitted: () => ['', 'Back in the line', 'It had been missing from the queue.'],
  picture_created: ({ count: pictures, generationModel }) =>
    ['', 'Picture ordered', `${pictures > 1 ? `${pictures} of them, from` : 'From'} ${generationModel}.`],
  picture_released: data => ['', numbered(data, 'Its prompt is there'), ''],
  picture_submitted: data => ['busy', numbered(data, 'Sent to the provider'), data.predictionId ?? ''],
  picture_resubmitted: data => ['warn', numbered(data, 'Sent again'), 'Nobody knows what became of the first.'],
  picture_submission_unknown: data =>
    ['warn', numbered(data, 'Sent, and no answer seen'), 'The provider is asked whether it was bought.'],
  picture_running: data => ['busy', numbered(data, 'Being rendered'), ''],
  picture_hinted: data => ['', numbered(data, 'The provider says there is news'), ''],
  picture_made: data => ['busy', numbered(data, 'Rendered, being saved'), ''],
  picture_succeeded: data => ['good', numbered(data, 'The picture is there'), ''],
  picture_failed: data => ['bad', numbered(data, 'Failed'), code(data)],
  picture_retry: data => ['warn', numbered(data, 'Failed, and tried again'), sentences(code(data), again(data))],
  picture_postponed: data => ['warn', numbered(data, 'Put off'), sentences(code(data), again(data))],
  picture_cancelled: data => ['', 'Cancelled', data.atProvider ? `${data.atProvider} may still be charged.` : ''],
  picture_retried: () => ['', 'Tried again by hand', ''],
  picture_hastened: () => ['', 'To be tried at once', ''],
  projection_refused: () => ['warn', 'The table of jobs refused its state', ''],
  stale_write_refused: () => ['warn', 'A late answer was refused', 'Its worker held the job no longer.'],
  picture_lease_lost: data => ['warn', numbered(data, 'Its worker fell silent'), ''],
  picture_bought_twice: data => ['bad', numbered(data, 'Bought twice'), data.predictionId ?? '']
}
const SOURCES = {
  cache: 'The answer of an identical request, at no cost.',
  template: 'From a template.',
  existing: 'The prompt that its row had.',
  manual: 'Written by a person.'
}
const ordinal = number => ({ 1: 'first', 2: 'second', 3: 'third' })[number] ?? `${number}th`
