/** The line to one server: whether it is up, when it is worth trying again, and how many streams one page may hold. */

import { PromptQueueError } from '../prompt-queue.js'

// A browser opens six connections to a server; what is left over is for everything else of the page.
const MOST_STREAMS = 3
const AWAY = new Set([502, 503, 504])
const ASLEEP = 15000
const BEAT = 1000

/** The server answers, and does not let pages of this origin read it. */
export class NotAllowed extends PromptQueueError {}

const lines = new Map()

/** The line that all buttons of a page share. @param {string} api */
export function lineTo (api) {
  if (!lines.has(api)) lines.set(api, new Line(api))
  return lines.get(api)
}

/** Tells `change` (up or down) and `wake` (connections from before may be dead). */
export class Line extends EventTarget {
  /** @param {string} api */
  constructor (api) {
    super()
    this.up = true
    this._api = api
    this._heard = false
    this._streams = 0
    this._watchers = 0
    this.fetch = this.fetch.bind(this)
    this._onLine = () => this.dispatchEvent(new Event('wake'))
    this._offLine = () => this._say(false)
    this._seen = () => document.visibilityState === 'visible' && this._feel()
  }

  /** A fetch that notices whether the server is there. Throws NotAllowed besides what fetch throws. */
  async fetch (url, options) {
    let response
    try {
      response = await globalThis.fetch(url, options)
    } catch (error) {
      if (options.signal?.aborted) throw error
      response = await this._onceMore(url, options, error)
    }
    this._heard = true
    this._say(!AWAY.has(response.status))
    return response
  }

  /** Listens to the network while somebody has something under way; returns what ends that. */
  listen () {
    if (this._watchers++ === 0) {
      this._beat = performance.now()
      this._wall = Date.now()
      this._timer = setInterval(() => this._feel(), BEAT)
      globalThis.addEventListener('online', this._onLine)
      globalThis.addEventListener('offline', this._offLine)
      document.addEventListener('visibilitychange', this._seen)
    }
    let listening = true
    return () => {
      if (!listening) return
      listening = false
      if (--this._watchers > 0) return
      clearInterval(this._timer)
      globalThis.removeEventListener('online', this._onLine)
      globalThis.removeEventListener('offline', this._offLine)
      document.removeEventListener('visibilitychange', this._seen)
    }
  }

  /** A place for a stream, or null; call what it returns to give it back. @returns {(() => void) | null} */
  takeStream () {
    if (this._streams >= MOST_STREAMS) return null
    this._streams++
    let held = true
    return () => {
      if (held) this._streams--
      held = false
    }
  }

  /**
   * After `milliseconds`, or at once when the network is back.
   * @param {number} milliseconds @param {AbortSignal} signal
   */
  pause (milliseconds, signal) {
    return new Promise((resolve, reject) => {
      const stop = new AbortController()
      const done = () => {
        clearTimeout(timer)
        stop.abort()
        if (signal.aborted) reject(signal.reason)
        else resolve()
      }
      const timer = setTimeout(done, milliseconds)
      this.addEventListener('wake', done, { signal: stop.signal })
      signal.addEventListener('abort', done, { signal: stop.signal })
      if (signal.aborted) done()
    })
  }

  /** A page that slept wakes up with late timers, and with connections of which it does not know that they are gone. */
  _feel () {
    const passed = Math.max(performance.now() - this._beat, Date.now() - this._wall)
    if (document.visibilityState !== 'visible') return
    this._beat = performance.now()
    this._wall = Date.now()
    if (passed > ASLEEP) this.dispatchEvent(new Event('wake'))
  }

  /** Where the server has never been heard, it may be there and refuse this page. */
  async _onceMore (url, options, error) {
    if (!this._heard && await this._answersOthers()) {
      try {
        return await globalThis.fetch(url, options)
      } catch {
        if (!options.signal?.aborted && await this._answersOthers()) {
          throw new NotAllowed(`The server does not let pages of ${location.origin} in.`)
        }
      }
    }
    this._say(false)
    throw error
  }

  async _answersOthers () {
    try {
      // Anybody may have the icon; answers of the API are kept from pages that are not let in.
      const address = new URL(`${this._api}/favicon.ico`, location.href)
      if (address.origin === location.origin) return false
      await globalThis.fetch(address, { mode: 'no-cors', cache: 'no-store' })
      return true
    } catch {
      return false
    }
  }

  _say (up) {
    if (up === this.up) return
    this.up = up
    this.dispatchEvent(new Event('change'))
  }
}
