/** `<pq-ops-jobs>`: the list of all jobs, with filters, and acts on many at once. */

import { el } from '../shared/dom.js'
import { count } from '../shared/format.js'
import { sentence } from '../shared/session.js'
import { onAllJobs, onJobs } from './acts.js'
import { listJobs } from './api.js'
import { filterForm } from './filter-form.js'
import { countOf, filtersFor, queryOf, readFilters, writeFilters } from './filters.js'
import { jobRow } from './job-row.js'
import { keyed, write } from './parts.js'

const PAGE = 50
const MOST_CHOSEN = 500

export class PqOpsJobs extends HTMLElement {
  /** @param {boolean} mayAct whether jobs can be chosen */
  build (mayAct) {
    this._mayAct = mayAct
    this._chosen = new Set()
    this._form = filterForm(filters => this._go(filters))
    this._status = el('p', { class: 'small soft grow', role: 'status' })
    this._newer = el('button', { class: 'button small', type: 'button', hidden: true, onclick: () => this._load() })
    this._wrong = el('p', { class: 'notice bad', role: 'alert', hidden: true })
    this._body = el('tbody')
    this._all = mayAct &&
      el('input', { type: 'checkbox', 'aria-label': 'Choose all that are shown', onchange: () => this._chooseShown() })
    const names = ['Job', 'State', 'Priority', 'Created', 'Made by', 'What went wrong', 'Cost']
    this._table = el('div', { class: 'panel flush', hidden: true },
      el('table', { class: 'data jobs cards-when-narrow' },
        el('caption', { class: 'only-read' }, 'Jobs, newest first'),
        el('thead', {}, el('tr', {}, mayAct && el('th', {}, this._all),
          names.map(name => el('th', { scope: 'col', class: name === 'Cost' ? 'number' : '' }, name)))),
        this._body))
    this._nothing = el('div', { class: 'empty stack', hidden: true }, el('p', {}), el('p', {},
      el('button', { class: 'button', type: 'button', onclick: () => this._go({ kind: this._filters.kind }) },
        'Take the filters away')))
    this._loading = el('div', { class: 'stack', hidden: true, 'aria-hidden': 'true' },
      [1, 2, 3, 4].map(() => el('div', { class: 'shimmer line-high' })))
    this._more = el('button', { class: 'button', type: 'button', hidden: true, onclick: () => this._next() },
      'Show earlier ones')
    this._bulk = mayAct && this._bulkBar()
    this.append(el('h1', {}, 'Jobs'), this._form.node,
      el('div', { class: 'row wrap list-head' }, this._status, this._newer),
      this._wrong, this._loading, this._table, this._nothing, this._more, this._bulk ?? '')
    return this
  }

  /** The address has changed. @param {string} search */
  open (search) {
    this._filters = readFilters(search)
    this._form.show(this._filters)
    this._clear()
    this._load()
  }

  /** After each look at the queue: what is shown changes in place, and what is new is offered. */
  async show () {
    if (!this._rows?.length || this._asking) return this._rows && !this._asking ? this._load() : undefined
    const filters = this._filters
    const page = await listJobs({ ...queryOf(filters), limit: PAGE }).catch(() => null)
    if (!page || filters !== this._filters || this._asking) return
    const now = new Map(page.data.map(job => [job.id, job]))
    const newest = this._rows[0].createdAt
    const fresh = page.data.filter(job => !this._known.has(job.id) && job.createdAt >= newest).length
    this._rows = this._rows.map(job => now.get(job.id) ?? job)
    this._newer.hidden = !fresh
    write(this._newer, fresh === 1 ? 'Show 1 newer job' : `Show ${count(fresh)} newer jobs`)
    this._draw()
  }

  _go (filters) {
    const search = writeFilters(filters)
    if (search === location.search) return
    history.replaceState(null, '', `/ops/jobs${search}`)
    this.open(search)
  }

  _load () { return this._read({}, page => { this._rows = page.data }) }

  _next () {
    return this._read({ cursor: this._cursor },
      page => this._rows.push(...page.data.filter(job => !this._known.has(job.id))))
  }

  async _read (more, take) {
    const asking = this._asking = {}
    const slow = setTimeout(() => { this._loading.hidden = Boolean(this._rows?.length) }, 200)
    try {
      const page = await listJobs({ ...queryOf(this._filters), limit: PAGE, ...more })
      if (asking !== this._asking) return
      take(page)
      this._cursor = page.hasMore ? page.nextCursor : null
      this._wrong.hidden = true
    } catch (error) {
      if (asking !== this._asking) return
      if (!more.cursor) this._rows = null
      this._wrong.hidden = false
      write(this._wrong, sentence(error))
    } finally {
      clearTimeout(slow)
      if (asking === this._asking) {
        this._asking = null
        this._loading.hidden = true
        this._newer.hidden = true
        this._draw()
      }
    }
  }

  _draw () {
    const rows = this._rows ?? []
    this._known = new Set(rows.map(job => job.id))
    keyed(this._body, rows, job => job.id,
      () => jobRow(this._mayAct && ((id, isOn) => this._choose(id, isOn)), this._chosen))
    this._table.hidden = !rows.length
    this._nothing.hidden = !this._rows || rows.length > 0
    const filtered = countOf(this._filters) > 0
    write(this._nothing.firstChild, filtered ? 'No job matches these filters.' : 'There are no jobs yet.')
    this._nothing.lastChild.hidden = !filtered
    this._more.hidden = !this._cursor
    const amount = `${count(rows.length)} ${this._cursor ? 'newest ' : ''}${rows.length === 1 ? 'job' : 'jobs'}`
    if (this._rows) write(this._status, rows.length ? amount : '')
    this._drawBulk()
  }

  _choose (id, isOn) {
    this._matching = false
    if (isOn && this._chosen.size < MOST_CHOSEN) this._chosen.add(id)
    else this._chosen.delete(id)
    this._draw()
  }

  _chooseShown () {
    this._matching = false
    for (const job of this._rows ?? []) {
      if (!this._all.checked) this._chosen.delete(job.id)
      else if (this._chosen.size < MOST_CHOSEN) this._chosen.add(job.id)
    }
    this._draw()
  }

  _clear () {
    this._chosen.clear()
    this._matching = false
    this._drawBulk()
  }

  _bulkBar () {
    const said = el('span', { class: 'grow small', role: 'status' })
    const button = (words, deed, tone = '') =>
      el('button', { class: `button small ${tone}`, type: 'button', onclick: deed }, words)
    const all = button('', () => { this._matching = true; this._drawBulk() }, 'quiet')
    const node = el('div', { class: 'bulk', role: 'region', 'aria-label': 'Chosen jobs', hidden: true },
      el('div', { class: 'row wrap' }, said, all,
        button('Try again', () => this._act('retry')), button('Cancel jobs', () => this._act('cancel'), 'danger'),
        button('Choose none', () => { this._clear(); this._draw() }, 'quiet')))
    return Object.assign(node, { said, all })
  }

  _drawBulk () {
    if (!this._bulk) return
    const amount = this._chosen.size
    this._bulk.hidden = !amount && !this._matching
    const most = amount >= MOST_CHOSEN ? ', which is the most at once' : ''
    write(this._bulk.said, this._matching ? 'All that match are chosen' : `${count(amount)} chosen${most}`)
    this._bulk.all.hidden = this._matching || !this._cursor
    write(this._bulk.all, 'Choose all that match')
    const shown = this._rows ?? []
    const on = shown.filter(job => this._chosen.has(job.id)).length
    this._all.checked = on > 0 && on === shown.length
    this._all.indeterminate = on > 0 && on < shown.length
  }

  async _act (what) {
    const did = this._matching ? onAllJobs(what, filtersFor(what, this._filters)) : onJobs(what, [...this._chosen])
    if (!await did) return
    this._clear()
    await this._load()
  }
}

customElements.define('pq-ops-jobs', PqOpsJobs)
