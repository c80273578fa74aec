/** `<pq-lines>`: values of minutes as lines, with a readout for pointer and keyboard, and a table. */

import { el, fill, svg } from '../shared/dom.js'
import { area, countAxis, labelled, line, nearest, points } from './chart.js'

const HEIGHT = 176
const EDGE = { top: 8, right: 8, bottom: 22, left: 34 }
const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }
const clock = text => new Date(text).toLocaleTimeString('en', { hour: '2-digit', minute: '2-digit', hour12: false })

/**
 * @typedef {object} Lines
 * @property {string} label  what it is, for screen readers
 * @property {string[]} minutes  RFC 3339, oldest first
 * @property {Array<{name: string, tone: string, values: number[], filled?: boolean}>} series
 * @property {(value: number) => string} [words]  how a value is said
 */
export class PqLines extends HTMLElement {
  connectedCallback () {
    if (this._plot) return
    this._chosen = null
    this._readout = el('p', { class: 'readout small' })
    this._drawing = svg('svg', { class: 'lines', 'aria-hidden': 'true', height: HEIGHT })
    this._plot = el('div', {
      class: 'plot',
      tabindex: 0,
      role: 'slider',
      'aria-orientation': 'horizontal',
      onkeydown: event => this._step(event),
      onpointermove: event => this._point(event),
      onpointerdown: event => this._point(event),
      onpointerleave: () => this._choose(null),
      onblur: () => this._choose(null)
    }, this._drawing)
    this._table = el('table', { class: 'data' })
    this._details = el('details', { class: 'as-table', ontoggle: () => this._fillTable() },
      el('summary', { class: 'tiny soft' }, 'As a table'),
      el('div', { class: 'scroll tall', tabindex: 0, role: 'group', 'aria-label': 'Values by the minute' },
        this._table))
    this.append(this._readout, this._plot, this._details)
    this._watch = new ResizeObserver(() => this._draw())
    this._watch.observe(this._plot)
  }

  disconnectedCallback () { this._watch?.disconnect() }

  /** @param {Lines} data */
  show (data) {
    this._data = data
    this._plot.setAttribute('aria-label', data.label)
    this._draw()
    this._fillTable()
  }

  _draw () {
    const width = Math.round(this._plot.clientWidth)
    if (!this._data || !width) return
    const { minutes, series } = this._data
    const inner = { width: width - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom }
    const { top, ticks } = countAxis(Math.max(0, ...series.flatMap(one => one.values)))
    this._box = { ...inner, top }
    const y = value => EDGE.top + inner.height * (1 - value / top)
    const x = index => EDGE.left + (minutes.length > 1 ? index / (minutes.length - 1) * inner.width : 0)
    const shown = svg('g', { transform: `translate(${EDGE.left} ${EDGE.top})` })
    for (const { tone, values, filled } of series) {
      const places = points(values, this._box)
      if (filled) shown.append(svg('path', { class: `area ${tone}`, d: area(places, inner.height) }))
      shown.append(svg('path', { class: `line ${tone}`, d: line(places) }))
    }
    this._mark = svg('g', { class: 'mark' })
    this._drawing.setAttribute('width', width)
    fill(this._drawing,
      ticks.map(tick => svg('line',
        { class: 'grid', x1: EDGE.left, x2: width - EDGE.right, y1: y(tick), y2: y(tick) })),
      ticks.map(tick => svg('text', { class: 'tick', x: EDGE.left - 6, y: y(tick) + 4, 'text-anchor': 'end' },
        short(tick))),
      labelled(minutes, inner.width < 420 ? 20 : 10).map(index =>
        svg('text', { class: 'tick', x: x(index), y: HEIGHT - 5, 'text-anchor': anchor(x(index), width) },
          clock(minutes[index]))),
      shown, this._mark)
    this._choose(this._chosen)
  }

  _point (event) {
    const left = event.clientX - this._plot.getBoundingClientRect().left - EDGE.left
    if (this._box) this._choose(nearest(left, this._data.minutes.length, this._box.width))
  }

  _step (event) {
    if (!(event.key in KEYS) || !this._data) return
    event.preventDefault()
    const last = this._data.minutes.length - 1
    this._choose(Math.min(Math.max((this._chosen ?? last) + KEYS[event.key], 0), last))
  }

  /** The minute whose values are said; none: the last one. */
  _choose (index) {
    const { minutes, series, words = String } = this._data ?? {}
    if (!minutes?.length) return
    const last = minutes.length - 1
    this._chosen = index === null ? null : Math.min(index, last)
    const at = this._chosen ?? last
    fill(this._readout,
      el('span', { class: 'when' }, clock(minutes[at])),
      series.map(one => el('span', { class: `key ${one.tone}` }, `${one.name} `, el('b', {}, words(one.values[at])))))
    this._plot.setAttribute('aria-valuemin', 0)
    this._plot.setAttribute('aria-valuemax', last)
    this._plot.setAttribute('aria-valuenow', at)
    this._plot.setAttribute('aria-valuetext',
      `${clock(minutes[at])}: ${series.map(one => `${one.name} ${words(one.values[at])}`).join(', ')}`)
    if (!this._mark) return
    if (this._chosen === null) return fill(this._mark)
    const places = series.map(one => ({ tone: one.tone, place: points(one.values, this._box)[at] }))
    const x = EDGE.left + places[0].place[0]
    fill(this._mark,
      svg('line', { class: 'rule', x1: x, x2: x, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }),
      places.map(({ tone, place }) => svg('circle', { class: `dot ${tone}`, cx: x, cy: EDGE.top + place[1], r: 3.5 })))
  }

  _fillTable () {
    if (!this._details.open || !this._data) return
    const { minutes, series, words = String } = this._data
    fill(this._table,
      el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Minute'),
        series.map(one => el('th', { scope: 'col', class: 'number' }, one.name)))),
      el('tbody', {}, minutes.map((minute, index) => el('tr', {}, el('th', { scope: 'row' }, clock(minute)),
        series.map(one => el('td', { class: 'number' }, words(one.values[index]))))).reverse()))
  }
}

const short = value => value >= 1e6 ? `${value / 1e6}M` : value >= 1e4 ? `${value / 1e3}k` : String(value)
const anchor = (x, width) => x < 50 ? 'start' : x > width - 24 ? 'end' : 'middle'

customElements.define('pq-lines', PqLines)
