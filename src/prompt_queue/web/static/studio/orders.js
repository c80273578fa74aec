/** What a sheet asks of the server. Everything that is made is made once, however often a button is pressed. */

import { as } from '../shared/session.js'

/**
 * @typedef {object} Order
 * @property {string | null} rowId
 * @property {string} targetUrl
 * @property {string[]} refUrls
 * @property {string} words  of the user's own
 * @property {number} priority
 * @property {boolean} consent
 */

const keys = new Map()

/** The key of a request: the same for the same request until it was answered. */
async function once (path, fields, deed) {
  const said = path + JSON.stringify(fields)
  if (!keys.has(said)) keys.set(said, `studio-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`)
  const answer = await deed({ idempotencyKey: keys.get(said) })
  keys.delete(said)
  return answer
}

/** A row for a sheet. @param {Order} order @returns {Promise<string>} */
export async function makeRow ({ targetUrl, refUrls }) {
  return (await as(queue => queue.rows.create({ targetUrl, refUrls }))).rowId
}

/**
 * A prompt alone.
 * @param {Order} order
 * @param {string} [existingPrompt] to be made better
 * @returns {Promise<string>} its id
 */
export async function askForPrompt (order, existingPrompt) {
  const fields = {
    ...shared(order),
    stream: true,
    ...(order.words && { userInstructions: order.words }),
    ...(existingPrompt && { operation: 'enhance', existingPrompt })
  }
  return (await once('prompt', fields, options => as(queue => queue.enqueue(fields, options)))).promptJobId
}

/** Prompt and picture in one. @param {Order} order @returns {Promise<{jobId: string, promptJobId: string | null}>} */
export function askForBoth (order) {
  const fields = { ...shared(order), useAiPrompt: true, stream: true,
    ...(order.words && { userInstructions: order.words }) }
  return once('both', fields, options => as(queue => queue.jobs.create(fields, options)))
}

/**
 * A picture with a prompt that is there.
 * @param {Order} order @param {string} prompt @param {string | null} [promptJobId] where it came from
 * @returns {Promise<{jobId: string, promptJobId: string | null}>}
 */
export function makePicture (order, prompt, promptJobId = null) {
  const fields = { ...shared(order), prompt, ...(promptJobId && { promptJobId }) }
  return once('picture', fields, options => as(queue => queue.jobs.create(fields, options)))
}

/** @returns {Promise<Record<string, any>>} the receipt */
export async function cancel ({ promptId, pictureId }) {
  const answer = await as(queue => pictureId ? queue.jobs.cancel(pictureId) : queue.cancel(promptId))
  return answer.receipt
}

/** Tries what failed again. */
export const retry = ({ promptId, pictureId }) => as(queue => pictureId
  ? queue.jobs.retry(pictureId) : queue.retry(promptId))

/** Ends a prompt job with a prompt by hand. @param {string} id @param {string} prompt */
export const supply = (id, prompt) => as(queue => queue.setPrompt(id, prompt))

function shared ({ rowId, targetUrl, refUrls, priority, consent }) {
  return { rowId, targetUrl, refUrls, priority, ...(consent && { identityConsent: true }) }
}
