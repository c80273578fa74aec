/** What this tab knows of its jobs: told by the stream, asked for where the stream tells nothing. */

import { hasEnded } from '../prompt-queue.js'
import { as, identity } from '../shared/session.js'
import { Feed } from './feed.js'

const TICK = 250
// The stream of all jobs has no text so far; a job that is being written is asked for it.
const WHILE_WRITTEN = 400
const WITHOUT_STREAM = 1000
const TO_BE_SURE = 8000
const ROUTES = { prompt: '/api/prompt/queue/', picture: '/api/jobs/' }
const NAMES = { prompt: 'promptJobId', picture: 'jobId' }

/** @typedef {'prompt'|'picture'} Kind */

/**
 * Tells `job` (detail: {kind, id, job}), `gone` (detail: its id), `stranger` (detail: {kind, id, event}: a job that
 * nobody follows here), `line` (detail: whether the server answers) and `news` (something ended).
 */
export class Hub extends EventTarget {
  constructor () {
    super()
    /**
     * @type {Map<string, {kind: Kind, id: string, job: any, etag: string | null, due: number, asking: boolean, again:
     *   boolean}>}
     */
    this._known = new Map()
    this._feed = new Feed({ heard: (event, data) => this._heard(event, data), changed: line => this._turn(line) })
    this._isThere = true
    this._timer = null
  }

  start () {
    document.addEventListener('visibilitychange', () => document.hidden ? this._sleep() : this._wake())
    addEventListener('online', () => this._hurry())
    addEventListener('pagehide', () => this._sleep())
    addEventListener('pageshow', () => this._wake())
    this._wake()
  }

  /** @param {string | null | undefined} id */
  job (id) { return this._known.get(id)?.job }

  /**
   * Keeps a job up to date from now on.
   * @param {Kind} kind
   * @param {string} id
   * @param {any} [job] what is known of it
   */
  follow (kind, id, job = null) {
    if (!this._known.has(id)) this._known.set(id, { kind, id, job, etag: null, due: 0, asking: false, again: false })
    const found = this._known.get(id)
    return found
  }

  /**
   * Looks at once.
   * @param {Kind} kind
   * @param {string} id
   * @returns {Promise<any>} the job, or undefined where there is none
   */
  async look (kind, id) {
    await this._ask(this.follow(kind, id))
    return this.job(id)
  }

  _wake () {
    this._timer ??= setInterval(() => this._tick(), TICK)
    this._hurry()
    this._feed.open()
  }

  _sleep () {
    clearInterval(this._timer)
    this._timer = null
    this._feed.close()
  }

  _hurry () {
    for (const one of this._known.values()) this._soon(one)
  }

  _soon (one) {
    one.due = 0
    // What is on its way may have left the server before the news.
    one.again = one.asking
  }

  _tick () {
    const now = performance.now()
    for (const one of this._known.values()) if (one.due <= now && !one.asking) this._ask(one)
  }

  async _ask (one) {
    one.asking = true
    try {
      const headers = { ...identity(), ...(one.etag && { 'If-None-Match': one.etag }) }
      const answer = await fetch(ROUTES[one.kind] + encodeURIComponent(one.id),
        { headers, cache: 'no-store', signal: AbortSignal.timeout(10000) })
      if (answer.status === 200) {
        one.etag = answer.headers.get('etag')
        this._take(one, await answer.json())
      } else if (answer.status === 404 || answer.status === 422) {
        this._known.delete(one.id)
        this.dispatchEvent(new CustomEvent('gone', { detail: one.id }))
      } else if (answer.status === 401) await as(queue => queue.stats()).catch(() => {})
      this._there(answer.status < 500)
    } catch {
      this._there(false)
    } finally {
      one.asking = false
      one.due = one.again ? 0 : performance.now() + this._pause(one)
      one.again = false
    }
  }

  _pause ({ job }) {
    if (!this._isThere) return 1500
    if (hasEnded(job)) return Infinity
    const isWritten = job?.status === 'processing' || job?.status === 'waiting_prompt'
    if (isWritten) return WHILE_WRITTEN
    return this._feed.line === 'live' ? TO_BE_SURE : WITHOUT_STREAM
  }

  _take (one, job) {
    // Two answers may overtake each other; the older one is not news.
    if (one.job && Date.parse(job.updatedAt) < Date.parse(one.job.updatedAt)) return
    const ended = hasEnded(job) && !hasEnded(one.job)
    one.job = job
    this.dispatchEvent(new CustomEvent('job', { detail: { kind: one.kind, id: one.id, job } }))
    if (ended) this.dispatchEvent(new CustomEvent('news'))
  }

  _heard (event, data) {
    if (event === 'snapshot') {
      for (const job of data.promptJobs ?? []) this._found('prompt', job)
      for (const job of data.jobs ?? []) this._found('picture', job)
      this._hurry()
    } else if (event === 'update') {
      const kind = data.jobId ? 'picture' : 'prompt'
      const id = data[NAMES[kind]]
      if (this._known.has(id)) this._soon(this._known.get(id))
      else this.dispatchEvent(new CustomEvent('stranger', { detail: { kind, id, event: data.kind } }))
    }
  }

  _found (kind, job) {
    const id = job[NAMES[kind]]
    if (!this._known.has(id)) this.dispatchEvent(new CustomEvent('stranger',
      { detail: { kind, id, event: 'snapshot' } }))
  }

  _turn (line) {
    if (line === 'live') {
      this._there(true)
      this._hurry()
    } else if (line === 'away') this._there(false)
  }

  _there (isThere) {
    if (isThere === this._isThere) return
    this._isThere = isThere
    if (isThere) this._hurry()
    this.dispatchEvent(new CustomEvent('line', { detail: isThere }))
  }
}
