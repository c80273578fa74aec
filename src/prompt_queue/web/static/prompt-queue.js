/**
 * prompt-queue.js: a client of a prompt-queue server, for browsers and Node 18 or newer. No dependency, no build step.
 *
 *   import { PromptQueue } from '/prompt-queue.js'
 *   const queue = new PromptQueue()
 *   const { promptJobId } = await queue.enqueue({ rowId, targetUrl })
 *   for await (const { job } of queue.watch(promptJobId)) show(job)
 *
 * Durations are milliseconds here, as in JavaScript; the server's own fields keep their units.
 * @module prompt-queue
 */

/**
 * @typedef {object} Job  What the server says about a job; docs/http-api.md describes every field.
 * @property {string} status  queued, processing, completed, failed, cancelled; for pictures also other words
 * @property {string} [promptJobId]
 * @property {string} [jobId]
 * @property {string|null} [generatedPrompt]
 * @property {string|null} [partialPrompt]
 * @property {string|null} [error]
 * @property {string|null} [errorCode]
 * @property {number|null} [position]
 * @property {number} [estimatedWaitTime]  seconds
 * @property {number} [nextPollMs]
 * @property {Array<Record<string, any>>} [pictures]
 */

/**
 * @typedef {object} Update  News of a watched job.
 * @property {Job} job  how it stands now
 * @property {string} kind  snapshot, partial, changed (found by polling), or the event's name
 * @property {number|null} eventId  the event's number, for `lastEventId`
 * @property {Record<string, any>} data  what the event says
 * @property {'stream'|'poll'} via
 * @property {boolean} isFinal  the job has ended
 */

/**
 * @typedef {object} CallOptions
 * @property {AbortSignal} [signal]  gives up
 * @property {string} [idempotencyKey]  repeats under one key make one job, for 24 hours; made by default
 */

/**
 * @typedef {object} Patience  How long is tried; all in milliseconds.
 * @property {number} [attempt]  one request, besides what the server is asked to hold; 30,000
 * @property {number} [total]  a call with its repeats and pauses; 120,000
 * @property {number} [firstPause]  a pause is random up to this, doubled each time; 500
 * @property {number} [longestPause]  20,000
 * @property {number} [longestRetryAfter]  a Retry-After is honoured up to this; 60,000
 * @property {number} [firstByte]  a stream that brings nothing for so long is collected on its way: polled instead; 10,000
 * @property {number} [silence]  a stream that falls silent for so long is opened again; 40,000
 */

/**
 * @typedef {object} ClientOptions
 * @property {string} [baseUrl]  of the page, or PROMPT_QUEUE_URL, or http://127.0.0.1:8080
 * @property {string | (() => string | Promise<string>)} [token]  sent as bearer; else PROMPT_QUEUE_TOKEN
 * @property {string} [actFor]  the user for whom an API key with the scope act_for acts
 * @property {typeof globalThis.fetch} [fetch]
 * @property {Patience} [patience]
 */

const QUEUE = '/api/prompt/queue'
const JOBS = '/api/jobs'
const PATIENCE = {
  attempt: 30000, total: 120000, firstPause: 500, longestPause: 20000, longestRetryAfter: 60000, firstByte: 10000, silence: 40000
}
const LONGEST_HOLD = 25000
const SHORTEST_TURN = 500
// What may follow the final state: its event, and the server's word that this was all.
const FAREWELL = 5000
const MOST_BREAKS = 3
const POLL_INSTEAD = 60000
const POLL_ALL = 2000
const LIVED = 30000
const LONGEST_PAUSE = 5000
const AWAY = new Set([429, 502, 503])
const LONGEST_EVENT = 8 * 1024 * 1024
const REMEMBERED = 1000
const ENDED = new Set(['completed', 'succeeded', 'failed', 'cancelled'])
const PASSING = new Set([408, 429, 502, 503, 504])

/** Anything that this module throws on purpose, besides an AbortError. */
export class PromptQueueError extends Error {
  /** @param {string} message @param {object} [facts] */
  constructor (message, facts = {}) {
    super(message)
    this.name = new.target.name
    Object.assign(this, facts)
  }
}
/** No answer came. `sent`: the request may have counted. */
export class Unreachable extends PromptQueueError {}
/** The time given has passed. `job` is what was last seen of the job. */
export class TimedOut extends PromptQueueError {}
/** An answer that says no: `code`, `status`, `detail`, `retryable`, `requestId`, `errors`, `retryAfter` (ms). */
export class ApiError extends PromptQueueError {}
/** 401, 403 */
export class Unauthorized extends ApiError {}
/** 404, 410 */
export class NotFound extends ApiError {}
/** 409: the job is not in a state that allows this. */
export class Conflict extends ApiError {}
/** 400, 413, 415, 421, 422: change the request; `errors` says where. */
export class InvalidRequest extends ApiError {}
/** 429 */
export class RateLimited extends ApiError {}
/** 408 and 5xx */
export class Unavailable extends ApiError {}
/** Something else answers at this address. */
export class UnexpectedAnswer extends ApiError {}

const KINDS = {
  400: InvalidRequest, 401: Unauthorized, 403: Unauthorized, 404: NotFound, 408: Unavailable, 409: Conflict,
  410: NotFound, 413: InvalidRequest, 415: InvalidRequest, 421: InvalidRequest, 422: InvalidRequest, 429: RateLimited
}

/** Whether a job has ended, well or not. @param {Job | null | undefined} job @returns {boolean} */
export const hasEnded = job => job != null && ENDED.has(job.status)

/** A client of one server. Every method throws PromptQueueError. */
export class PromptQueue {
  /** @param {ClientOptions} [options] */
  constructor ({ baseUrl, token, actFor, fetch, patience } = {}) {
    const base = baseUrl ?? environment('PROMPT_QUEUE_URL') ?? ownOrigin() ?? 'http://127.0.0.1:8080'
    const caller = new Caller(
      base.replace(/\/+$/, ''), token ?? environment('PROMPT_QUEUE_TOKEN'), fetch, { ...PATIENCE, ...patience },
      actFor
    )
    /** @private */
    this._caller = caller
    /** @private */
    this._prompts = new Kind(caller, QUEUE)
    /** Jobs that become pictures. */
    this.jobs = new Pictures(caller)
    /** Rows of model_rows. */
    this.rows = new Rows(caller)
  }

  /**
   * Queue a prompt; it is committed when this resolves.
   * @param {{rowId: string, targetUrl: string, refUrls?: string[], priority?: number} & Record<string, any>} fields
   * @param {CallOptions} [options]
   * @returns {Promise<{promptJobId: string, status: string, estimatedWaitTime: number, position: number|null} & Record<string, any>>}
   */
  enqueue (fields, options = {}) { return this._caller.post(QUEUE, fields, options) }

  /** @param {string} id @param {CallOptions} [options] @returns {Promise<Job>} */
  get (id, options) { return this._prompts.get(id, options) }

  /** Cancel, at once and for good. @param {string} id @param {CallOptions} [options] @returns {Promise<Record<string, any>>} */
  cancel (id, options) { return this._prompts.cancel(id, options) }

  /** Put a failed job back. @param {string} id @param {CallOptions} [options] @returns {Promise<Record<string, any>>} */
  retry (id, options) { return this._prompts.retry(id, options) }

  /**
   * Complete a job with a prompt by hand. With `successor`, a job that has one stays, and a new one carries yours.
   * @param {string} id @param {string} prompt @param {CallOptions & {successor?: boolean}} [options] @returns {Promise<Job>}
   */
  setPrompt (id, prompt, { successor = false, ...options } = {}) {
    const body = successor ? { prompt, successor } : { prompt }
    const path = `${this._prompts.path(id)}/prompt`
    return this._caller.json({ method: 'PUT', path, json: body, repeatable: !successor, ...options })
  }

  /**
   * Your jobs, newest first, page after page.
   * @param {{status?: string, rowId?: string, createdAfter?: string, limit?: number}} [filter]
   * @param {CallOptions} [options] @returns {AsyncGenerator<Job>}
   */
  list (filter, options) { return this._caller.pages(`${QUEUE}/jobs`, filter, options) }

  /** @param {string} id @param {CallOptions} [options] @returns {Promise<{events: object[], calls: object[]}>} */
  timeline (id, options) { return this._prompts.timeline(id, options) }

  /**
   * The job when it has ended. Throws TimedOut after `timeout` milliseconds.
   * @param {string} id @param {{timeout?: number, signal?: AbortSignal}} [options] @returns {Promise<Job>}
   */
  wait (id, options) { return this._prompts.wait(id, options) }

  /**
   * News of a job until it has ended: by the server's stream, or by polling where none comes through.
   * @param {string} id @param {{lastEventId?: number, signal?: AbortSignal}} [options] @returns {AsyncGenerator<Update>}
   */
  watch (id, options) { return this._prompts.watch(id, options) }

  /**
   * News of all your jobs, prompts and pictures, without an end: by the server's stream, or by its lists.
   * @param {{lastEventId?: number, signal?: AbortSignal}} [options] @returns {AsyncGenerator<Update>}
   */
  watchAll (options) { return new WatchingAll(this._caller, options).updates() }

  /** @param {CallOptions} [options] @returns {Promise<Record<string, number>>} */
  stats (options) { return this._caller.json({ path: QUEUE, ...options }) }

  /** @param {CallOptions} [options] @returns {Promise<Record<string, any>>} */
  health (options) { return this._caller.json({ path: '/api/health', ...options }) }

  /**
   * Any other route, with the same repeats and errors; what is not sent safely twice is sent once.
   * @param {{method?: string, path: string, query?: Record<string, string>, json?: unknown, signal?: AbortSignal}} request
   * @returns {Promise<any>}
   */
  send (request) { return this._caller.json({ repeatable: (request.method ?? 'GET') === 'GET', ...request }) }

  /**
   * Store a JPEG, PNG or WebP; `url` of the answer goes into targetUrl or refUrls.
   * @param {Blob | ArrayBuffer | Uint8Array} picture @param {CallOptions} [options]
   * @returns {Promise<{url: string, mediaType: string, bytes: number, width: number, height: number, expiresAt: string}>}
   */
  upload (picture, options) {
    const headers = { 'Content-Type': 'application/octet-stream', 'Idempotency-Key': newKey() }
    return this._caller.json({ method: 'POST', path: '/api/uploads', body: picture, headers, ...options })
  }
}

/** One kind of job: where it lives, and what can be asked of it. */
class Kind {
  /** @param {Caller} caller @param {string} base */
  constructor (caller, base) {
    this._caller = caller
    this._base = base
  }

  /** @param {string} id */
  path (id) { return `${this._base}/${encodeURIComponent(id)}` }

  /** @param {string} id @param {CallOptions} [options] @returns {Promise<Job>} */
  get (id, options) { return this._caller.json({ path: this.path(id), ...options }) }

  /** @param {string} id @param {CallOptions} [options] @returns {Promise<Record<string, any>>} */
  cancel (id, options) { return this._caller.json({ method: 'DELETE', path: this.path(id), ...options }) }

  /** @param {string} id @param {CallOptions} [options] @returns {Promise<Record<string, any>>} */
  retry (id, options) {
    const headers = { 'Idempotency-Key': newKey() }
    // A repeat is refused, because the job waits again by then: looking at it tells the same.
    const instead = { code: 'not_failed', path: this.path(id) }
    return this._caller.json({ method: 'POST', path: `${this.path(id)}/retry`, headers, instead, ...options })
  }

  /** @param {string} id @param {CallOptions} [options] @returns {Promise<{events: object[], calls: object[]}>} */
  timeline (id, options) { return this._caller.json({ path: `${this.path(id)}/timeline`, ...options }) }

  /** @param {string} id @param {{timeout?: number, signal?: AbortSignal}} [options] @returns {Promise<Job>} */
  async wait (id, { timeout = Infinity, signal } = {}) {
    const started = now()
    for (;;) {
      const left = timeout - (now() - started)
      const turn = now()
      const holds = Math.max(0, Math.min(left, LONGEST_HOLD))
      const answer = await this._caller.answer({ path: this.path(id), query: wait(holds), holds, within: left, signal })
      const job = await this._caller.read(answer)
      if (hasEnded(job)) return job
      if (now() - started >= timeout) throw new TimedOut(`${id} is still ${job.status} after ${timeout} ms`, { job })
      await pause(Math.min(rest(now() - turn, asked(answer.headers, job.nextPollMs)), timeout - (now() - started)), signal)
    }
  }

  /** @param {string} id @param {{lastEventId?: number, signal?: AbortSignal}} [options] @returns {AsyncGenerator<Update>} */
  watch (id, options) { return new Watching(this._caller, this.path(id), options).updates() }
}

/** Jobs that become pictures. */
class Pictures extends Kind {
  /** @param {Caller} caller */
  constructor (caller) { super(caller, JOBS) }

  /**
   * Make pictures, with a prompt of Grok's (`useAiPrompt`), of yours, or of the row.
   * @param {{rowId: string, useAiPrompt?: boolean, prompt?: string, targetUrl?: string} & Record<string, any>} fields
   * @param {CallOptions} [options]
   * @returns {Promise<{jobId: string, promptJobId: string|null, status: string} & Record<string, any>>}
   */
  create (fields, options = {}) { return this._caller.post(`${JOBS}/create`, fields, options) }

  /** @param {{rowId?: string, limit?: number}} [filter] @param {CallOptions} [options] @returns {AsyncGenerator<Job>} */
  list (filter, options) { return this._caller.pages(JOBS, filter, options) }
}

/** Rows of model_rows. */
class Rows {
  /** @param {Caller} caller */
  constructor (caller) { this._caller = caller }

  /**
   * A row of yours. The server does not know repeats of this one, so it is sent once: Unreachable with `sent` means
   * that it may have been made.
   * @param {{modelId?: string, targetUrl?: string, refUrls?: string[]}} [fields] @param {CallOptions} [options]
   * @returns {Promise<{rowId: string, modelId: string, targetUrl: string|null, createdAt: string}>}
   */
  create (fields = {}, options = {}) { return this._caller.post('/api/rows', fields, { repeatable: false, ...options }) }

  /** @param {{limit?: number}} [filter] @param {CallOptions} [options] @returns {AsyncGenerator<Record<string, any>>} */
  list (filter, options) { return this._caller.pages('/api/rows', filter, options) }
}

/** Requests, and their repeats. */
class Caller {
  /** @param {string} base @param {ClientOptions['token']} token @param {typeof fetch | undefined} fetch @param {Required<Patience>} patience @param {string | undefined} actFor */
  constructor (base, token, fetch, patience, actFor) {
    this._base = base
    this._token = token
    this._fetch = fetch
    this._actFor = actFor
    this.patience = patience
  }

  /** Something that is made once, however often it is sent. */
  post (path, fields, { idempotencyKey, ...options }) {
    const headers = { 'Idempotency-Key': idempotencyKey ?? newKey() }
    return this.json({ method: 'POST', path, json: fields, headers, ...options })
  }

  /** The answer as JSON. */
  async json (request) { return this.read(await this.answer(request)) }

  /** @param {{status: number, text: string, headers: Headers}} answer */
  async read ({ status, text, headers }) {
    if (status === 204) return {}
    let found
    try {
      found = JSON.parse(text)
    } catch {}
    if (found !== null && typeof found === 'object' && !Array.isArray(found)) return found
    const facts = { code: 'unexpected_answer', status, requestId: headers.get('x-request-id') }
    throw new UnexpectedAnswer('The answer is not a JSON object; check baseUrl and what stands before the server.', facts)
  }

  /** Every item of a list. */
  async * pages (path, filter = {}, options = {}) {
    let cursor
    do {
      const page = await this.json({ path, query: { ...filter, ...(cursor && { cursor }) }, ...options })
      yield * page.data
      cursor = page.hasMore ? page.nextCursor : null
    } while (cursor)
  }

  /** An answer that is a good one or a 304, asked for again while that is safe, worth it and in time. */
  async answer (request) {
    const { repeatable = true, instead, signal, within = Infinity } = request
    const started = now()
    const total = Math.min(this.patience.total, within)
    let lost = false
    for (let attempt = 0; ; attempt++) {
      const left = Math.max(total - (now() - started), 1000)
      let error, again
      try {
        const answer = await this._exchange(request, Math.min(this.patience.attempt, left) + (request.holds ?? 0))
        if ((answer.status >= 200 && answer.status < 300) || answer.status === 304) return answer
        error = errorOf(answer, request)
        if (lost && instead && error.code === instead.code) return await this.answer({ path: instead.path, signal })
        again = error.retryable && (repeatable || error instanceof RateLimited)
      } catch (failure) {
        if (!(failure instanceof Unreachable || failure instanceof TimedOut)) throw failure
        lost ||= failure.sent
        error = failure
        again = repeatable || !failure.sent
      }
      const length = this._pause(attempt, error.retryAfter)
      if (!again || now() - started + length >= total) throw error
      await pause(length, signal)
    }
  }

  /** Sends, and gives the response as fetch does. `stop` is an AbortController of the caller's. */
  async open ({ method = 'GET', path, query = {}, headers = {}, json, body }, stop) {
    const token = typeof this._token === 'function' ? await this._token() : this._token
    const sent = headersOf({
      Accept: 'application/json',
      ...headers,
      ...(json !== undefined && { 'Content-Type': 'application/json' }),
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(this._actFor && { 'X-Act-For': this._actFor })
    })
    const said = new URLSearchParams(Object.entries(query).filter(([, value]) => value != null)).toString()
    return (this._fetch ?? globalThis.fetch)(`${this._base}${path}${said && `?${said}`}`, {
      method,
      headers: sent,
      body: json === undefined ? body : JSON.stringify(json),
      redirect: 'manual',
      cache: 'no-store',
      signal: stop.signal
    })
  }

  async _exchange (request, milliseconds) {
    return limited(request.signal, milliseconds, async stop => {
      const response = await this.open(request, stop)
      return { status: response.status, headers: response.headers, text: await response.text() }
    })
  }

  _pause (attempt, retryAfter) {
    const { firstPause, longestPause, longestRetryAfter } = this.patience
    const length = Math.min(firstPause * 2 ** Math.min(attempt, 30), longestPause) * Math.random()
    // Everybody was asked to wait for the same time; the random part keeps them apart.
    return retryAfter == null ? length : Math.min(retryAfter, longestRetryAfter) + Math.min(length, firstPause)
  }
}

/** One watch. `_breaks` counts the streams in a row that ended without anything new. */
class Streaming {
  /** @param {Caller} caller @param {string} path  of the stream @param {{lastEventId?: number, signal?: AbortSignal}} [options] */
  constructor (caller, path, { lastEventId, signal } = {}) {
    this._caller = caller
    this._streamPath = path
    this._signal = signal
    this._lastId = lastEventId
    this._told = new Set()
    this._streams = true
    this._breaks = 0
    this._pause = 1000
    this._awaySince = null
    this._over = false
  }

  /** @returns {AsyncGenerator<Update>} */
  async * updates () {
    while (!this._over) {
      if (!this._streams || this._breaks >= MOST_BREAKS) {
        yield * this._poll()
        continue
      }
      const began = now()
      yield * this._stream()
      if (now() - began > LIVED) this._breaks = Math.min(this._breaks, 1)
      if (this._streams && !this._over) {
        const length = this._pause * (0.5 + Math.random()) * 2 ** Math.max(0, this._breaks - 1)
        await pause(length, this._signal)
      }
    }
  }

  async * _stream () {
    const headers = { Accept: 'text/event-stream' }
    if (this._lastId != null) headers['Last-Event-ID'] = String(this._lastId)
    const request = { path: this._streamPath, headers }
    const stop = follow(this._signal)
    try {
      let response
      try {
        response = await limited(this._signal, this._caller.patience.firstByte, () => this._caller.open(request, stop))
      } catch (failure) {
        if (!(failure instanceof Unreachable || failure instanceof TimedOut)) throw failure
        if (failure.sent) {
          this._streams = !(failure instanceof TimedOut)
          this._breaks++
        } else this._isAway(failure)
        return
      }
      if (!AWAY.has(response.status)) this._awaySince = null
      if (response.status === 204) yield * this._finish()
      else if (response.status !== 200) await this._refused(response, request)
      else if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) this._streams = false
      else yield * this._listen(response.body.getReader())
    } finally {
      stop.abort()
      stop.unfollow()
    }
  }

  async _refused (response, request) {
    const answer = { status: response.status, headers: response.headers, text: await response.text().catch(() => '') }
    const error = errorOf(answer, request)
    const elsewhere = error.code === 'route_not_found' || error.code === 'not_from_the_server'
    if ([405, 406, 501].includes(answer.status) || (error instanceof NotFound && elsewhere)) this._streams = false
    else if (error instanceof Unauthorized || error instanceof NotFound || error instanceof InvalidRequest) throw error
    else if (AWAY.has(answer.status) && error.retryable) this._isAway(error)
    else this._breaks++
  }

  /** No server, no polling either: its stream goes on when it is back. Throws at last. */
  _isAway (error) {
    this._awaySince ??= now()
    if (now() - this._awaySince >= this._caller.patience.total) throw error
    this._pause = Math.min(error.retryAfter ?? this._pause * 2, LONGEST_PAUSE)
  }

  async * _listen (reader) {
    const parser = new EventParser()
    const { firstByte, silence } = this._caller.patience
    let heard = false
    for (;;) {
      const limit = this._hasEnded ? FAREWELL : heard ? silence : firstByte
      let chunk, events
      try {
        chunk = await limited(this._signal, limit, () => reader.read())
        events = chunk.done ? [] : parser.feed(chunk.value)
      } catch (failure) {
        if (failure instanceof RangeError || (failure instanceof TimedOut && !heard)) this._streams = false
        else if (!(failure instanceof Unreachable || failure instanceof TimedOut)) throw failure
        break
      }
      if (chunk.done) break
      heard = true
      this._arrived()
      for (const event of events) {
        if (event.event === 'end') {
          if (object(event.data).reason === 'final') yield * this._finish()
          else this._breaks++
          return
        }
        yield * this._take(event)
      }
      this._pause = Math.min(parser.retryMs ?? 1000, LONGEST_PAUSE)
    }
    this._over = this._hasEnded
    this._breaks++
  }

  /** Nothing but the end of the stream is expected. */
  get _hasEnded () { return false }

  /** More of the stream is there: what was looked up before may be old. */
  _arrived () {}

  /** Whether an event was not told yet; it counts as told then. */
  _isNew (eventId) {
    if (eventId === null) return true
    if (this._told.has(eventId)) return false
    this._told.add(eventId)
    if (this._told.size > REMEMBERED) this._told.delete(this._told.values().next().value)
    return true
  }
}

/** The watch of one job; over when the job has ended. */
class Watching extends Streaming {
  /** @param {Caller} caller @param {string} path @param {{lastEventId?: number, signal?: AbortSignal}} [options] */
  constructor (caller, path, options) {
    super(caller, `${path}/events`, options)
    this._path = path
    this._job = null
  }

  get _hasEnded () { return hasEnded(this._job) }

  async * _poll () {
    const started = now()
    const limit = this._streams ? POLL_INSTEAD : Infinity
    let etag
    this._breaks = 0
    while (now() - started < limit) {
      const turn = now()
      const holds = etag ? LONGEST_HOLD : 0
      const headers = etag ? { 'If-None-Match': etag } : {}
      const answer = await this._caller.answer({ path: this._path, query: wait(holds), holds, headers, signal: this._signal })
      const unchanged = answer.status === 304
      if (!unchanged) {
        const job = await this._caller.read(answer)
        etag = answer.headers.get('etag')
        const first = this._job === null
        if (differs(job, this._job)) yield this._news(job, first ? 'snapshot' : 'changed', null, {}, 'poll')
        this._job = job
        if ((this._over = hasEnded(job))) return
      }
      await pause(rest(now() - turn, unchanged ? asked(answer.headers, this._job?.nextPollMs) : 0), this._signal)
    }
  }

  async * _take ({ event, data, id }) {
    const found = object(data)
    const number = /^\d+$/.test(id ?? '') ? Number(id) : null
    if (event === 'snapshot' && found.status) yield * this._tell(found, 'snapshot', number)
    else if (event === 'update') yield * this._happened(found, found.eventId ?? number)
    else if (event === 'partial' && this._job && !hasEnded(this._job)) {
      yield * this._tell({ ...this._job, partialPrompt: found.partialPrompt }, 'partial', null)
    }
    if (id) this._lastId = id
  }

  async * _happened (found, eventId) {
    if (!this._isNew(eventId)) return
    const job = found.job ?? await this._caller.json({ path: this._path, signal: this._signal })
    this._breaks = 0
    yield this._news(job, found.kind, eventId, found.data ?? {})
  }

  async * _tell (job, kind, eventId) {
    if (!differs(job, this._job)) return
    this._breaks = 0
    yield this._news(job, kind, eventId)
  }

  /** The server says that all has been told; the final state may have been told to another. */
  async * _finish () {
    if (!hasEnded(this._job)) {
      yield * this._tell(await this._caller.json({ path: this._path, signal: this._signal }), 'snapshot', null)
    }
    this._over = hasEnded(this._job)
    this._breaks++
  }

  _news (job, kind, eventId, data = {}, via = 'stream') {
    this._job = job
    return { job, kind, eventId, data, via, isFinal: hasEnded(job) }
  }
}

/** The watch of all jobs; it does not end by itself. Open jobs are kept, so that only what is new is told. */
class WatchingAll extends Streaming {
  /** @param {Caller} caller @param {{lastEventId?: number, signal?: AbortSignal}} [options] */
  constructor (caller, options) {
    super(caller, '/api/events', options)
    this._open = new Map()
    this._listed = null
    this._lookedUp = new Map()
  }

  _arrived () { this._lookedUp.clear() }

  async * _take ({ event, data, id }) {
    const found = object(data)
    const number = /^\d+$/.test(id ?? '') ? Number(id) : null
    if (event === 'snapshot') yield * this._compare(found, number)
    else if (event === 'update') yield * this._happened(found, found.eventId ?? number)
    if (id) this._lastId = id
  }

  async * _happened (found, eventId) {
    if (!this._isNew(eventId)) return
    const path = pathOf(found)
    if (!this._lookedUp.has(path)) this._lookedUp.set(path, await this._lookUp(path))
    const job = this._lookedUp.get(path)
    this._breaks = 0
    if (job) yield this._news(path, job, found.kind, eventId, found.data ?? {})
  }

  /** What a snapshot of the open jobs has that is new; who is not in it has ended. */
  async * _compare ({ promptJobs, jobs }, eventId) {
    const open = new Map([...(promptJobs ?? []), ...(jobs ?? [])].map(job => [pathOf(job), job]))
    for (const path of [...this._open.keys()]) {
      if (!open.has(path)) yield * this._tell(path, await this._lookUp(path), 'snapshot', null)
    }
    for (const [path, job] of open) yield * this._tell(path, job, 'snapshot', eventId)
  }

  async * _poll () {
    const started = now()
    while (!this._streams || now() - started < POLL_INSTEAD) {
      yield * this._list()
      await pause(POLL_ALL, this._signal)
    }
    this._breaks = 0
  }

  async * _list () {
    const listed = new Map()
    for (const path of [`${QUEUE}/jobs`, JOBS]) {
      const page = await this._caller.json({ path, query: { limit: 100 }, signal: this._signal })
      for (const job of page.data.reverse()) listed.set(pathOf(job), job)
    }
    for (const path of [...this._open.keys()]) {
      if (!listed.has(path)) yield * this._tell(path, await this._lookUp(path), 'changed', null, 'poll')
    }
    const before = this._listed
    this._listed = new Set(listed.keys())
    for (const [path, job] of listed) {
      const known = this._open.has(path)
      // What had ended before the first look is no news.
      const isOld = before === null || before.has(path)
      if (!known && hasEnded(job) && isOld) continue
      yield * this._tell(path, job, before === null && !known ? 'snapshot' : 'changed', null, 'poll')
    }
  }

  async * _tell (path, job, kind, eventId, via = 'stream') {
    if (!job || !differs(job, this._open.get(path) ?? null)) return
    this._breaks = 0
    yield this._news(path, job, kind, eventId, {}, via)
  }

  /** No stream of all jobs is final; the next one goes on. */
  async * _finish () { this._breaks++ }

  /** The job, or null where it was deleted. */
  async _lookUp (path) {
    try {
      return await this._caller.json({ path, signal: this._signal })
    } catch (error) {
      if (!(error instanceof NotFound)) throw error
      this._open.delete(path)
      return null
    }
  }

  _news (path, job, kind, eventId, data = {}, via = 'stream') {
    if (hasEnded(job)) this._open.delete(path)
    else this._open.set(path, job)
    return { job, kind, eventId, data, via, isFinal: hasEnded(job) }
  }
}

/** Where a job of either kind is. */
function pathOf ({ jobId, promptJobId }) {
  return jobId ? `${JOBS}/${encodeURIComponent(jobId)}` : `${QUEUE}/${encodeURIComponent(promptJobId)}`
}

/** Server-sent events from bytes as they come. */
export class EventParser {
  constructor () {
    /** @type {number | null} */
    this.retryMs = null
    this._decoder = new TextDecoder()
    this._rest = ''
    this._afterReturn = false
    this._clear()
  }

  /**
   * The events that end in this chunk. Throws RangeError for an event without an end.
   * @param {Uint8Array} chunk @returns {Array<{event: string, data: string, id: string | null}>}
   */
  feed (chunk) {
    let text = this._decoder.decode(chunk, { stream: true })
    if (this._afterReturn && text) {
      this._afterReturn = false
      if (text.startsWith('\n')) text = text.slice(1)
    }
    if (text.endsWith('\r')) this._afterReturn = true
    const lines = text.split(/\r\n|\r|\n/)
    const last = lines.pop()
    const found = []
    for (const line of lines) {
      this._take(this._rest + line, found)
      this._rest = ''
    }
    this._rest += last
    if (this._rest.length + this._size > LONGEST_EVENT) throw new RangeError('an event without an end')
    return found
  }

  _take (line, found) {
    if (line === '') {
      if (this._data.length) found.push({ event: this._event || 'message', data: this._data.join('\n'), id: this._id })
      this._clear()
      return
    }
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') {
      this._data.push(value)
      this._size += value.length
    } else if (name === 'event') this._event = value
    else if (name === 'id' && !value.includes('\0')) this._id = value
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value.slice(0, 9))
  }

  _clear () {
    this._event = ''
    this._data = []
    this._size = 0
    /** @type {string | null} */
    this._id = null
  }
}

/**
 * A fetch for code that was written for a page of the server: addresses that begin with `/` go to `baseUrl`, with the
 * token; all others are left alone.
 * @param {string} baseUrl @param {{token?: ClientOptions['token'], fetch?: typeof globalThis.fetch}} [options]
 * @returns {typeof globalThis.fetch}
 */
export function connect (baseUrl, { token, fetch = globalThis.fetch } = {}) {
  const base = baseUrl.replace(/\/+$/, '')
  return async (input, options = {}) => {
    if (typeof input !== 'string' || !/^\/(?!\/)/.test(input)) return fetch(input, options)
    const headers = new Headers(options.headers)
    const said = typeof token === 'function' ? await token() : token
    if (said && !headers.has('Authorization')) headers.set('Authorization', `Bearer ${said}`)
    return fetch(base + input, { ...options, headers })
  }
}

/**
 * Puts `connect(baseUrl)` in the place of the global fetch; returns a function that puts the old one back.
 * @param {string} baseUrl @param {{token?: ClientOptions['token']}} [options] @returns {() => void}
 */
export function installFetch (baseUrl, options = {}) {
  const before = globalThis.fetch
  globalThis.fetch = connect(baseUrl, { ...options, fetch: before })
  return () => { globalThis.fetch = before }
}

const now = () => performance.now()
const wait = milliseconds => milliseconds > 0 ? { wait: (milliseconds / 1000).toFixed(3) } : {}

/** What to leave before the next request: nothing where the server held the last one. */
function rest (took, askedFor) {
  return took >= SHORTEST_TURN ? 0 : Math.min(Math.max(askedFor ?? 0, SHORTEST_TURN - took), LONGEST_HOLD)
}

/** Milliseconds that an answer asks to leave before the next request, or null. */
function asked (headers, milliseconds) {
  if (typeof milliseconds === 'number') return Math.max(0, milliseconds)
  const text = headers.get('retry-after') ?? ''
  return /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Number(text) * 1000 : null
}

/** Whether there is anything to tell about a job besides how long it will take. */
function differs (job, seen) {
  const facts = one => JSON.stringify([one.status, one.partialPrompt, one.position, one.updatedAt, one.waitingReason])
  return seen === null || facts(job) !== facts(seen)
}

function object (text) {
  try {
    const found = JSON.parse(text)
    return found !== null && typeof found === 'object' ? found : {}
  } catch {
    return {}
  }
}

function errorOf ({ status, headers, text }, { method = 'GET', path }) {
  const said = (headers.get('content-type') ?? '').includes('json') ? object(text) : {}
  const requestId = said.requestId ?? headers.get('x-request-id')
  const Known = KINDS[status] ?? (status >= 500 ? Unavailable : ApiError)
  if (said.code || said.detail) {
    const { code = 'unknown', detail = said.title ?? 'The server says no.', retryable = false, errors = [] } = said
    const facts = { code, detail, status, retryable, errors, requestId, retryAfter: asked(headers, said.retryAfterMs) }
    return new Known(`${detail} (${status} ${code})`, facts)
  }
  // A page without the ends of its tags would be gone through once for each of them.
  const words = text.slice(0, 4000).replace(/<[^>]*>|\s+/g, ' ').trim().slice(0, 120)
  // A browser shows nothing of a redirect that it did not follow, not even its status.
  const detail = status === 0 || (status >= 300 && status < 400)
    ? `${method} ${path} was answered with a redirect; give the address that it leads to as baseUrl.`
    : `${method} ${path} was answered by something before the server: ${JSON.stringify(words)}.`
  const Other = Known === ApiError ? UnexpectedAnswer : Known
  const facts = { code: 'not_from_the_server', detail, status, retryable: PASSING.has(status), errors: [], requestId }
  return new Other(`${detail} (${status})`, { ...facts, retryAfter: asked(headers) })
}

/** An AbortController that also stops when `signal` does. */
function follow (signal) {
  const stop = new AbortController()
  const pass = () => stop.abort(signal.reason)
  signal?.throwIfAborted()
  signal?.addEventListener('abort', pass)
  return Object.assign(stop, { unfollow: () => signal?.removeEventListener('abort', pass) })
}

/** Does something within a time. Throws TimedOut, Unreachable, or what `signal` was aborted with. */
async function limited (signal, milliseconds, deed) {
  const stop = follow(signal)
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new TimedOut('No answer came in time.', { sent: true })), milliseconds)
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason))
  })
  const doing = deed(stop)
  doing.catch(() => {})
  try {
    return await Promise.race([doing, late])
  } catch (failure) {
    signal?.throwIfAborted()
    // Programming errors, such as a header that cannot be sent, are not for repeating.
    if (failure instanceof PromptQueueError || !isOfTheNetwork(failure)) throw failure
    const said = failure?.cause?.message ?? failure?.message ?? String(failure)
    const sent = !['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'].includes(failure?.cause?.code)
    throw new Unreachable(`No answer came: ${said}`, { sent, cause: failure })
  } finally {
    clearTimeout(timer)
    stop.unfollow()
    stop.abort()
  }
}

/** fetch says TypeError for whatever goes wrong on the line; Node gives the reason as its cause. */
function isOfTheNetwork (failure) {
  return failure instanceof TypeError || failure?.name === 'AbortError' || failure?.name === 'NetworkError'
}

function pause (milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, Math.max(0, milliseconds))
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** Headers; what is wrong with them is not repeated, because it may be a secret. */
function headersOf (fields) {
  try {
    return new Headers(fields)
  } catch {
    throw new PromptQueueError('The token or the idempotency key has characters that a header cannot carry.')
  }
}

/** Random enough for a key that is kept for a day; crypto.randomUUID is not there on plain http. */
function newKey () {
  const bytes = globalThis.crypto?.getRandomValues?.(new Uint8Array(16)) ??
    Uint8Array.from({ length: 16 }, () => Math.random() * 256)
  return `js-${Date.now().toString(36)}-${Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')}`
}

function environment (name) { return globalThis.process?.env?.[name] || undefined }

function ownOrigin () {
  const origin = globalThis.location?.origin
  return origin && origin !== 'null' ? origin : undefined
}
