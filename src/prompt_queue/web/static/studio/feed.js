/** The one stream that tells this tab of all its user's jobs, and whether it comes through. */

import { EventParser } from '../prompt-queue.js'
import { identity } from '../shared/session.js'

const FIRST_BYTE = 5000
const SILENCE = 40000
const BLOCKED_FOR = 60000
const PAUSE = 1000
const LONGEST_PAUSE = 5000

/** @typedef {'opening'|'live'|'blocked'|'away'} Line */

export class Feed {
  /**
   * @param {{heard: (event: string, data: any) => void, changed: (line: Line) => void}} ears
   * @param {{firstByte?: number}} [patience] milliseconds until a stream without a byte counts as held back
   */
  constructor ({ heard, changed }, { firstByte = FIRST_BYTE } = {}) {
    this._heard = heard
    this._changed = changed
    this._firstByte = firstByte
    this._stop = null
    /** @type {Line} */
    this.line = 'opening'
  }

  /** Opens it; again after every end, until `close`. */
  async open () {
    if (this._stop) return
    const stop = this._stop = new AbortController()
    let pause = PAUSE
    while (!stop.signal.aborted) {
      const outcome = await this._listen(stop.signal)
      if (stop.signal.aborted) return
      pause = outcome === 'away' ? Math.min(pause * 1.5, LONGEST_PAUSE) : PAUSE
      await rest(outcome === 'blocked' ? BLOCKED_FOR : pause, stop.signal)
    }
  }

  close () {
    this._stop?.abort()
    this._stop = null
    this._turn('opening')
  }

  /** @returns {Promise<'ended'|'blocked'|'away'>} */
  async _listen (signal) {
    const attempt = new AbortController()
    const give = () => attempt.abort()
    signal.addEventListener('abort', give)
    let timer = setTimeout(give, this._firstByte)
    let heard = false
    try {
      const headers = { Accept: 'text/event-stream', ...identity() }
      const answer = await fetch('/api/events', { headers, signal: attempt.signal, cache: 'no-store' })
      const isAway = answer.status >= 500 || answer.status === 429
      if (!answer.ok || !answer.body) return this._end(isAway ? 'away' : 'blocked')
      const reader = answer.body.getReader()
      const parser = new EventParser()
      for (;;) {
        const { done, value } = await reader.read()
        clearTimeout(timer)
        if (done) return heard ? 'ended' : this._end('blocked')
        timer = setTimeout(give, SILENCE)
        if (!heard) this._turn('live')
        heard = true
        for (const { event, data } of parser.feed(value)) this._heard(event, read(data))
      }
    } catch {
      if (signal.aborted) return 'ended'
      return this._end(attempt.signal.aborted && !heard ? 'blocked' : 'away')
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', give)
      attempt.abort()
    }
  }

  _end (outcome) {
    this._turn(outcome)
    return outcome
  }

  _turn (line) {
    if (line === this.line) return
    this.line = line
    this._changed(line)
  }
}

function read (text) {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

const rest = (milliseconds, signal) => new Promise(resolve => {
  const timer = setTimeout(resolve, milliseconds)
  signal.addEventListener('abort', () => {
    clearTimeout(timer)
    resolve()
  }, { once: true })
})
