/** What happens with a job now, how long it may take, and the prompt as it is written. */

import { el } from '../shared/dom.js'
import { wait } from '../shared/format.js'

const WORD = 45

export class JobProgress extends HTMLElement {
  constructor () {
    super()
    this._title = el('p', { class: 'progress-title', 'aria-live': 'polite' })
    this._left = el('p', { class: 'progress-left soft small', 'aria-hidden': 'true' })
    this._fill = el('i')
    this._bar = el('div', { class: 'bar', role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': '0',
      'aria-valuemax': '100' }, this._fill)
    this._detail = el('p', { class: 'progress-detail soft small' })
    this._text = el('p', { class: 'progress-text', 'aria-hidden': 'true' })
    this._share = 0
    this._run = null
    this._timer = null
    this._clock = null
  }

  connectedCallback () {
    if (!this.firstChild) this.append(el('div', { class: 'progress-head' }, this._title, this._left), this._bar,
      this._detail, this._text)
    this._clock ??= setInterval(() => this._tick(), 500)
  }

  disconnectedCallback () {
    clearInterval(this._clock)
    clearTimeout(this._timer)
    this._clock = this._timer = null
  }

  /**
   * @param {import('./stage.js').Progress} progress
   * @param {object} facts
   * @param {string} facts.run  names the job: another one begins at nothing
   * @param {number | null} [facts.seconds]  until it is done
   * @param {string | null} [facts.text]  the prompt so far
   * @param {boolean} [facts.isWritten]  it is whole, and shown at once
   */
  show (progress, { run, seconds = null, text = '', isWritten = false }) {
    if (run !== this._run) {
      this._run = run
      this._share = 0
      this._words = []
      this._text.textContent = ''
    }
    if (progress.phase !== this._phase) {
      this._phase = progress.phase
      this._since = performance.now()
      this._title.textContent = progress.title
    }
    this._progress = progress
    this._detail.textContent = progress.detail
    this._seconds = seconds
    this._asOf = performance.now()
    this._write(text ?? '', isWritten)
    this._tick()
  }

  /** The bar goes through its part of the whole ever more slowly, and never back. */
  _tick () {
    if (!this._progress) return
    const { from, to } = this._progress
    const lived = (performance.now() - this._since) / 1000
    const part = 1 - Math.exp(-lived / Math.max(this._seconds ?? 6, 2))
    this._share = Math.max(this._share, from + (to - from) * part)
    this._fill.style.setProperty('width', `${(this._share * 100).toFixed(1)}%`)
    this._bar.setAttribute('aria-valuenow', String(Math.round(this._share * 100)))
    const left = this._seconds == null ? null : this._seconds - (performance.now() - this._asOf) / 1000
    this._left.textContent = left == null ? '' : left > 0.5 ? `${wait(left)} to go` : 'any moment now'
  }

  _write (text, isWritten) {
    if (!text.startsWith(this._text.textContent)) this._text.textContent = ''
    this._words = text.slice(this._text.textContent.length).match(/\s*\S+/g) ?? []
    if (isWritten || matchMedia('(prefers-reduced-motion: reduce)').matches) {
      this._text.textContent = text
      this._words = []
    }
    this._timer ??= setTimeout(() => this._next(), 0)
  }

  _next () {
    this._timer = null
    // A long way behind, several words at a time.
    const some = this._words.splice(0, Math.ceil(this._words.length / 12))
    if (some.length) this._text.append(some.join(''))
    if (this._words.length) this._timer = setTimeout(() => this._next(), WORD)
  }
}

customElements.define('pq-progress', JobProgress)
