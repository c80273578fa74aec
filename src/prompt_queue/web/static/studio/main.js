/** The studio: sheets on a desk, and what was made before below it. */

import { hasEnded } from '../prompt-queue.js'
import { el } from '../shared/dom.js'
import { as } from '../shared/session.js'
import './compare.js'
import './drop.js'
import './feedback.js'
import './form.js'
import { hintOf, remember, remembered } from './hints.js'
import './history.js'
import { Hub } from './hub.js'
import { filesOf } from './pictures.js'
import './progress.js'
import './references.js'
import { Sheet } from './sheet.js'

const MOST_FOUND = 6

class Studio extends HTMLElement {
  connectedCallback () {
    const { base, makesPictures, mostBytes, samples } = this.dataset
    this._facts = { base, makesPictures: makesPictures === 'true', mostBytes: Number(mostBytes),
      samples: samples.split(' ') }
    this._hub = new Hub()
    /** @type {Sheet[]} */
    this._sheets = []
    this._desk = el('div', { class: 'desk' })
    this._history = el('pq-history')
    this._line = el('p', { class: 'notice warn', hidden: true },
      'The server cannot be reached. It is tried again by itself; nothing is lost.')
    const add = el('button', { class: 'button', type: 'button', onclick: () => this._add().intake.focus() },
      'Add another picture')
    this.replaceChildren(el('div', { class: 'line', role: 'status' }, this._line), this._desk,
      el('div', { class: 'row desk-more' }, add), this._history)
    this._listen()
    this._begin()
  }

  _listen () {
    this._hub.addEventListener('job', ({ detail: { kind, id, job } }) => {
      const sheet = this._sheets.find(one => one.has(id))
      if (sheet) sheet.render()
      else this._adopt(kind, job)
    })
    this._hub.addEventListener('gone', event => { for (const sheet of this._sheets) sheet.lose(event.detail) })
    this._hub.addEventListener('stranger', ({ detail: { kind, id, event } }) => {
      if (['snapshot', 'queued', 'picture_created'].includes(event)) this._hub.look(kind, id)
      else this._soonRefresh()
    })
    this._hub.addEventListener('news', () => this._soonRefresh())
    this._hub.addEventListener('line', event => {
      this._line.hidden = event.detail
      if (event.detail) this._soonRefresh()
    })
    this._history.addEventListener('open', event => this._open(event.detail))
    document.addEventListener('paste', event => {
      const files = filesOf(event.clipboardData)
      if (!files.length) return
      event.preventDefault()
      const sheet = this._sheets.find(one => one.contains(document.activeElement)) ??
        this._sheets.find(one => one.stage === 'draft') ?? this._add()
      sheet.intake.add(files, sheet.intake.target !== null)
    })
    // A photograph that is dropped beside its place is not opened in the place of the page.
    for (const name of ['dragover', 'drop']) document.addEventListener(name, event => event.preventDefault())
  }

  async _begin () {
    for (const hint of remembered()) this._add(hint)
    if (!this._sheets.length) this._add()
    try {
      await as(queue => queue.stats())
    } catch {
      // The line tells of it, and everything below tries again by itself.
    }
    this._hub.start()
    this._findOpen()
    this._history.refresh()
  }

  /** What runs at the server, whatever this tab remembers; the stream tells the same where it comes through. */
  async _findOpen () {
    try {
      let left = MOST_FOUND
      for (const status of ['queued', 'processing']) {
        for await (const job of await as(async queue => queue.list({ status, limit: MOST_FOUND }))) {
          if (!this._hub.job(job.promptJobId)) await this._hub.look('prompt', job.promptJobId)
          if (--left === 0) break
        }
      }
      left = 2 * MOST_FOUND
      for await (const job of await as(async queue => queue.jobs.list({ limit: left }))) {
        if (!hasEnded(job) && !this._hub.job(job.jobId)) await this._hub.look('picture', job.jobId)
        if (--left === 0) break
      }
    } catch {
      // Tried again when the line is back, by the stream's snapshot.
    }
  }

  _adopt (kind, job) {
    const sheet = this._sheets.find(one => one.rowId === job.rowId)
    if (sheet) return sheet.adopt(kind, job)
    if (hasEnded(job) || this._sheets.length >= MOST_FOUND) return
    const blank = this._sheets.find(one => one.isUntouched)
    this._add(hintOf(kind, job), true)
    if (blank) this._remove(blank)
  }

  async _open ({ kind, id }) {
    let sheet = this._sheets.find(one => one.has(id))
    if (!sheet) {
      const job = await this._hub.look(kind, id)
      if (!job) return
      sheet = this._add(hintOf(kind, job), true)
    }
    sheet.scrollIntoView({ block: 'start' })
    sheet.querySelector('h2').focus({ preventScroll: true })
  }

  /** @param {Partial<import('./hints.js').Hint>} [hint] */
  _add (hint, isFirst = false) {
    const sheet = new Sheet().begin({ hub: this._hub, facts: this._facts, hint })
    sheet.addEventListener('change', () => this._remember())
    sheet.addEventListener('close', () => this._close(sheet))
    this._sheets.splice(isFirst ? 0 : this._sheets.length, 0, sheet)
    this._desk[isFirst ? 'prepend' : 'append'](sheet)
    this._number()
    return sheet
  }

  _close (sheet) {
    const at = this._sheets.indexOf(sheet)
    this._remove(sheet)
    const next = this._sheets[Math.min(at, this._sheets.length - 1)] ?? this._add()
    next.querySelector('h2').focus()
  }

  _remove (sheet) {
    this._sheets = this._sheets.filter(one => one !== sheet)
    sheet.remove()
    this._number()
  }

  _number () {
    this._sheets.forEach((sheet, at) => sheet.setNumber(at + 1))
    this._remember()
  }

  _remember () { remember(this._sheets.map(sheet => sheet.hint)) }

  _soonRefresh () {
    clearTimeout(this._refreshing)
    this._refreshing = setTimeout(() => this._history.refresh(), 500)
  }
}

customElements.define('pq-studio', Studio)
