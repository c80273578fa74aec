/** The operator's routes, as the dashboard uses them. Every function throws PromptQueueError. */

import { Unreachable } from '../prompt-queue.js'
import { as } from '../shared/session.js'

const OPS = '/api/ops'
const QUEUE = '/api/prompt/queue'
/** A page that is looked at says soon that nobody answers; the next look comes by itself. */
const LOOK_MILLISECONDS = 4000

const look = (path, query, within = LOOK_MILLISECONDS) => as(queue => queue.send({ path, query, within }))
const act = (path, json, method = 'POST') => as(queue => queue.send({ method, path, json }))

export const overview = () => look(`${OPS}/overview`)
export const listJobs = query => look(`${OPS}/jobs`, query, 15000)
export const readJob = id => look(`${OPS}/jobs/${encodeURIComponent(id)}`, {}, 10000)
export const readAudit = query => look(`${OPS}/audit`, query, 15000)

/** @typedef {{changed: number, refused: Array<{id: string, code: string, detail: string}>, hasMore?: boolean}} Acted */

/** @param {'retry'|'cancel'|'hasten'} what @param {string[]} ids at most 500 @returns {Promise<Acted>} */
export const onJobs = (what, ids, reason) => act(`${OPS}/jobs/${what}`, { ids, ...given({ reason }) })

/**
 * On all jobs that match one of the filters, however many these are: until nothing changes any more.
 * @param {'retry'|'cancel'} what @param {Array<Record<string, string>>} filters @returns {Promise<Acted>}
 */
export async function onAllJobs (what, filters, reason) {
  const whole = { changed: 0, refused: [] }
  for (const filter of filters) {
    for (;;) {
      const { changed, refused, hasMore } = await act(`${OPS}/jobs/${what}`, { filter, ...given({ reason }) })
      whole.changed += changed
      whole.refused.push(...refused)
      if (!hasMore || !changed) break
    }
  }
  return whole
}

/** @param {{model?: string, priorities?: {from: number, to: number}}} what nothing: the whole queue */
export const pause = (what, reason) => act(`${QUEUE}/pause`, { ...what, ...given({ reason }) })
export const resume = (what, reason) => act(`${QUEUE}/resume`, { ...what, ...given({ reason }) })
export const setBreaker = (model, state, reason) => act(`${QUEUE}/breaker`, { model, state, ...given({ reason }) })
export const setLimits = (model, { requestsPerSecond, tokensPerMinute }, reason) =>
  act(`${QUEUE}/limits`, { model, requestsPerSecond, tokensPerMinute, ...given({ reason }) })
/** What a user may use, and has spent today. */
export const userLimits = userId => look(`${OPS}/users/${encodeURIComponent(userId)}/limits`)
export const setUserLimits = (userId, limits) => act(`${OPS}/users/${encodeURIComponent(userId)}/limits`, limits, 'PUT')
export const replay = deliveryId => act(`/api/webhooks/deliveries/${encodeURIComponent(deliveryId)}/replay`)

let known = null

/** Whether this person may press buttons. */
export async function mayAct () {
  known ??= look('/api/me', {}).catch(error => {
    known = null
    throw error
  })
  const { demo, scopes } = await known
  return Boolean(demo) || scopes.includes('ops:write') || scopes.includes('admin')
}

/** The server did not answer, or not in time; another word than its no. */
export const isAway = error => error instanceof Unreachable || error.name === 'TimedOut' || error.status >= 500

const given = values => Object.fromEntries(Object.entries(values).filter(([, value]) => value))
