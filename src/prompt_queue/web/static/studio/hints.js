/** What this tab remembers of its sheets over a reload. A hint: what counts is at the server. */

/**
 * @typedef {object} Hint
 * @property {string | null} rowId
 * @property {string | null} target
 * @property {string[]} refs
 * @property {string} words
 * @property {number} priority
 * @property {boolean} consent
 * @property {boolean} atOnce
 * @property {string | null} promptId
 * @property {string | null} pictureId
 * @property {string | null} edited  the prompt as it was edited
 */

const PLACE = 'prompt-queue.studio'

/** @type {Hint} */
export const EMPTY = {
  rowId: null, target: null, refs: [], words: '', priority: 5, consent: false, atOnce: false, promptId: null,
    pictureId: null, edited: null
}

/** A sheet for a job that is there. @param {'prompt'|'picture'} kind @param {any} job @returns {Partial<Hint>} */
export function hintOf (kind, job) {
  const { rowId, targetUrl, refUrls, priority } = job
  const jobs = kind === 'picture' ? { pictureId: job.jobId, promptId: job.promptJobId } : { promptId: job.promptJobId }
  return { rowId, target: targetUrl, refs: refUrls, priority, ...jobs }
}

/** What was kept, with what is not of its kind left out. @param {any} found @returns {Partial<Hint>} */
export function fit (found) {
  const kept = Object.entries(KINDS).filter(([name, is]) => is(found?.[name])).map(([name]) => [name, found[name]])
  return Object.fromEntries(kept)
}
const isText = value => typeof value === 'string'
const isFlag = value => typeof value === 'boolean'
const KINDS = {
  rowId: isText, target: isText, refs: value => Array.isArray(value) && value.every(isText), words: isText,
  priority: Number.isFinite, consent: isFlag, atOnce: isFlag, promptId: isText, pictureId: isText, edited: isText
}

/** @returns {Array<Partial<Hint>>} */
export function remembered () {
  try {
    const found = JSON.parse(sessionStorage.getItem(PLACE) ?? '[]')
    return Array.isArray(found) ? found.map(fit) : []
  } catch {
    return []
  }
}

/** @param {Hint[]} hints */
export function remember (hints) {
  try {
    sessionStorage.setItem(PLACE, JSON.stringify(hints))
  } catch {
    // A tab without storage forgets its drafts, and no more.
  }
}
