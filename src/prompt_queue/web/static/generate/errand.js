/** One button's business with the server: it goes on until it has an end, however often the line breaks. No DOM. */

import {
  ApiError, Conflict, NotFound, PromptQueueError, RateLimited, TimedOut, Unauthorized, Unreachable, hasEnded
} from '../prompt-queue.js'
import { withOwnPrompt } from './fields.js'
import { isRunning } from './machine.js'

const PAUSES = [500, 1000, 2000, 4000, 8000]
const SHORTEST_LOOK = 1000
const LONGEST_LOOK = 10000
const LOOKED_AT = 5

/**
 * @typedef {object} Means
 * @property {import('../prompt-queue.js').PromptQueue} queue
 * @property {'prompt'|'picture'} mode
 * @property {import('./line.js').Line} line
 * @property {import('./memory.js').Memory} memory
 * @property {(event: Record<string, any>) => import('./machine.js').View} tell  the next view
 * @property {() => void} refresh  the token was refused; the next one has to be new
 */

export class Errand {
  /** @param {Means} means */
  constructor ({ queue, mode, line, memory, tell, refresh }) {
    Object.assign(this, { _queue: queue, _mode: mode, _line: line, _memory: memory, _tell: tell, _refresh: refresh })
    this._stop = new AbortController()
    this._past = {}
    this._cancels = false
  }

  /** Leaves the job alone: it goes on without this page. */
  stop () { this._stop.abort() }

  /** Leaves it, and does not come back to it. */
  forget () {
    this.stop()
    this._past = {}
    this._memory.clear()
  }

  /** Queue what `fields` ask for and see it through. */
  begin (fields) {
    const signal = this._anew()
    this._tell({ type: 'started', count: fields.count, targetUrl: fields.targetUrl })
    this._remember({ key: newKey(), fields })
    return this._run(signal, () => this._send(signal))
  }

  /** The failed job once more; a new one where something else is asked for by now. */
  again (fields) {
    const { id, fields: before } = this._past
    if (!id || (before && JSON.stringify(before) !== JSON.stringify(fields))) return this.begin(fields)
    const signal = this._anew()
    this._tell({ type: 'started', count: fields.count, targetUrl: fields.targetUrl })
    this._remember({ ...this._past, ended: false, view: undefined })
    return this._run(signal, async () => {
      // Somebody else may have put it back.
      await this._unless(Conflict, this._persist(signal, turn => this._kind.retry(id, { signal: turn })))
      await this._follow(signal)
    })
  }

  /** A prompt in the user's own words: for the job there is, or for a picture of its own. */
  own (prompt, fields, { successor = false } = {}) {
    const { id } = this._past
    if (this._mode === 'picture' || !id) return this.begin(withOwnPrompt(fields, prompt))
    const signal = this._anew()
    this._tell({ type: 'started', targetUrl: fields.targetUrl })
    return this._run(signal, async () => {
      const put = turn => this._queue.setPrompt(id, prompt, { successor, signal: turn })
      // A successor that was made twice would be two jobs.
      const job = await (successor ? put(signal) : this._persist(signal, put))
      this._remember({ ...this._past, id: job.promptJobId })
      this._hear(signal, { type: 'prompt', job })
    })
  }

  /** At once, or as soon as the server can be told. */
  async cancel () {
    this._cancels = true
    this._tell({ type: 'cancelling' })
    if (this._past.id) await this._cancel(this._stop.signal)
  }

  /**
   * Goes on with what this tab remembers, else with an open job of the row. Resolves to false where there is nothing.
   * @param {string} rowId
   */
  async resume (rowId) {
    const signal = this._anew()
    const past = this._memory.read()
    try {
      if (past?.id || past?.key) return await this._goOn(signal, past, rowId)
      return await this._search(signal, rowId)
    } catch (error) {
      // Nobody has asked for anything yet: who presses the button is told.
      if (signal.aborted || error instanceof PromptQueueError) return false
      throw error
    }
  }

  get _kind () { return this._mode === 'picture' ? this._queue.jobs : this._queue }

  _anew () {
    this._stop.abort()
    this._stop = new AbortController()
    this._cancels = false
    return this._stop.signal
  }

  async _send (signal) {
    const { key: idempotencyKey, fields } = this._past
    // A full queue and too much under way are worth a word; the line is not.
    const persists = error => isPassing(error) && !(error instanceof RateLimited || error.code === 'queue_full')
    const job = await this._persist(signal, turn => {
      const options = { idempotencyKey, signal: turn }
      return this._mode === 'picture' ? this._queue.jobs.create(fields, options) : this._queue.enqueue(fields, options)
    }, persists)
    this._remember({ id: job.jobId ?? job.promptJobId, promptJobId: job.promptJobId, fields })
    this._hear(signal, { type: 'accepted', job })
    if (this._cancels) await this._cancel(signal)
    await this._follow(signal)
  }

  async _cancel (signal) {
    try {
      const { receipt } = await this._persist(signal, turn => this._kind.cancel(this._past.id, { signal: turn }))
      this._hear(signal, { type: 'cancelled', sentence: receipt?.sentence })
    } catch (error) {
      // It ended first: the watch tells how.
      if (!(error instanceof Conflict) && !signal.aborted) this._tell({ type: 'refused', error })
    }
  }

  async _goOn (signal, past, rowId) {
    this._past = past
    if (!past.ended) this._tell({ type: 'found', past: past.view ?? {} })
    if (!past.id) {
      await this._run(signal, () => this._send(signal))
      return true
    }
    const deaf = this._line.listen()
    try {
      return await this._take(signal, await this._persist(signal, turn => this._kind.get(past.id, { signal: turn })))
    } catch (error) {
      if (!(error instanceof NotFound)) throw error
      this._past = {}
      this._memory.clear()
      if (!past.ended) this._tell({ type: 'reset' })
      return await this._search(signal, rowId)
    } finally {
      deaf()
    }
  }

  async _search (signal, rowId) {
    if (!rowId) return false
    let left = LOOKED_AT
    for await (const job of this._kind.list({ rowId, limit: LOOKED_AT }, { signal })) {
      if (!hasEnded(job)) return this._take(signal, job)
      if (--left === 0) break
    }
    return false
  }

  /** Goes on with a job that is there already. */
  async _take (signal, job) {
    const { fields, view = {} } = this._past
    this._remember({ id: job.jobId ?? job.promptJobId, promptJobId: job.promptJobId, fields })
    this._tell({ type: 'found', past: { ...view, count: job.count ?? 1 } })
    await this._run(signal, async () => {
      this._hear(signal, { type: job.jobId ? 'picture' : 'prompt', job })
      if (!hasEnded(job)) await this._follow(signal)
    })
    return true
  }

  /** Until the job has ended; a picture after its prompt. */
  async _follow (signal) {
    const { id, promptJobId } = this._past
    if (this._mode === 'picture') {
      if (promptJobId) await this._watch(signal, this._queue, promptJobId, 'prompt')
      await this._watch(signal, this._queue.jobs, id, 'picture')
    } else await this._watch(signal, this._queue, id, 'prompt')
  }

  _watch (signal, kind, id, type) {
    return this._persist(signal, async turn => {
      const free = this._line.takeStream()
      try {
        const updates = free ? kind.watch(id, { signal: turn }) : this._look(kind, id, turn)
        for await (const { job } of updates) this._hear(signal, { type, job })
      } finally {
        free?.()
      }
    })
  }

  async * _look (kind, id, signal) {
    for (;;) {
      const job = await kind.get(id, { signal })
      yield { job }
      if (hasEnded(job)) return
      await this._line.pause(Math.min(Math.max(job.nextPollMs ?? 0, SHORTEST_LOOK), LONGEST_LOOK), signal)
    }
  }

  async _run (signal, deed) {
    const deaf = this._line.listen()
    try {
      await deed()
    } catch (error) {
      if (signal.aborted) return
      // What was never queued is not for a reload to find.
      if (!this._past.id) this._memory.clear()
      this._tell({ type: 'refused', error })
    } finally {
      deaf()
    }
  }

  /** Does something until the server has answered it; what the line has broken is begun again. */
  async _persist (signal, deed, persists = isPassing) {
    let fresh = true
    for (let attempt = 0; ; attempt++) {
      const turn = new AbortController()
      const stop = () => turn.abort(signal.reason)
      const wake = () => {
        attempt = -1
        turn.abort(new Unreachable('The connection is from before a pause.', { sent: true }))
      }
      signal.throwIfAborted()
      signal.addEventListener('abort', stop)
      this._line.addEventListener('wake', wake)
      try {
        return await deed(turn.signal)
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof Unauthorized && error.status === 401 && fresh) {
          fresh = false
          this._refresh()
        } else if (!persists(error)) throw error
      } finally {
        signal.removeEventListener('abort', stop)
        this._line.removeEventListener('wake', wake)
      }
      if (attempt >= 0) await this._line.pause(PAUSES[Math.min(attempt, PAUSES.length - 1)], signal)
    }
  }

  async _unless (Kind, doing) {
    try {
      return await doing
    } catch (error) {
      if (!(error instanceof Kind)) throw error
    }
  }

  _hear (signal, event) {
    if (signal.aborted) return
    const view = this._tell({ ...event, wishes: this._past.fields })
    const { state, progress, text } = view
    const past = isRunning(view) ? { view: { stage: state, progress, text } } : { view: undefined, ended: true }
    this._remember({ ...this._past, ...past })
    if (state === 'cancelled') this._memory.clear()
  }

  _remember (past) {
    this._past = past
    this._memory.write(past)
  }
}

const isPassing = error => error instanceof Unreachable || error instanceof TimedOut ||
  (error instanceof ApiError && error.retryable && !(error instanceof Unauthorized))

function newKey () {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16))
  return `button-${Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')}`
}
