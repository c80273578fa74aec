/** `<pq-ops-audit>`: what operators did, newest first. */

import { el } from '../shared/dom.js'
import { count, time } from '../shared/format.js'
import { sentence } from '../shared/session.js'
import { readAudit } from './api.js'
import { keyed, link, orEmpty, write } from './parts.js'

const PAGE = 50

export class PqOpsAudit extends HTMLElement {
  build () {
    this._body = el('tbody')
    this._nothing = el('p', { class: 'empty', hidden: true }, 'Nobody has pressed anything yet.')
    this._wrong = el('p', { class: 'notice bad', role: 'alert', hidden: true })
    this._more = el('button', { class: 'button', type: 'button', hidden: true, onclick: () => this._older() },
      'Show earlier ones')
    this._scroll = el('div', { class: 'panel flush' },
      el('table', { class: 'data cards-when-narrow labelled' },
        el('caption', { class: 'only-read' }, 'What operators did'),
        el('thead', {}, el('tr', {}, ['When', 'Who', 'What', 'Reason'].map(name => el('th', { scope: 'col' }, name)))),
          this._body))
    this.append(el('h1', {}, 'Audit'),
      el('p', { class: 'soft' }, 'Everything that an operator pressed, here or on the command line.'),
      this._wrong, this._scroll, this._nothing, this._more)
    this._rows = []
    return this
  }

  /** Called after each look at the queue: something may have been pressed. */
  show () { this._latest() }

  async _latest () {
    await this._read({}, page => {
      const known = new Set(page.data.map(keyOf))
      if (!this._rows.length) this._cursor = page.hasMore ? page.nextCursor : null
      this._rows = [...page.data, ...this._rows.filter(one => !known.has(keyOf(one)))]
    })
  }

  async _older () {
    await this._read({ cursor: this._cursor }, page => {
      this._rows.push(...page.data)
      this._cursor = page.hasMore ? page.nextCursor : null
    })
  }

  async _read (query, take) {
    if (this._reading) return
    this._reading = true
    try {
      take(await readAudit({ limit: PAGE, ...query }))
      this._wrong.hidden = true
    } catch (error) {
      this._wrong.hidden = false
      write(this._wrong, sentence(error))
    } finally {
      this._reading = false
    }
    keyed(this._body, this._rows, keyOf, auditRow)
    orEmpty(this._scroll, this._nothing, !this._rows.length)
    this._more.hidden = !this._cursor
  }
}

const keyOf = one => one.id ?? `${one.at} ${one.act} ${one.about}`
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

function auditRow (one) {
  const about = ID.test(one.about ?? '') ? link(`/ops/jobs/${one.about}`, el('code', {}, one.about))
    : el('span', {}, one.about ?? 'the queue')
  const detail = one.detail && typeof one.detail === 'object'
    ? Object.entries(one.detail).filter(([, value]) => ['string', 'number'].includes(typeof value))
      .map(([name, value]) => `${name} ${typeof value === 'number' ? count(value) : value}`).join(', ')
    : one.detail
  return {
    node: el('tr', {}, el('td', { 'data-name': 'When' }, time(one.at)), el('td', { 'data-name': 'Who' }, one.actor),
      el('td', { 'data-name': 'What' }, el('b', {}, one.act.replaceAll('_', ' ')), ' ', about,
        detail && el('span', { class: 'soft' }, ` (${detail})`)),
      el('td', { 'data-name': 'Reason' }, one.reason || '–')),
    show () {}
  }
}

customElements.define('pq-ops-audit', PqOpsAudit)
