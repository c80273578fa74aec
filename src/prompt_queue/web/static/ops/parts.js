/** Small drawings and figures of the dashboard; each has `node`, and `show` changes its values in place. */

import { el, fill, svg } from '../shared/dom.js'
import { area, line, points, stacked } from './chart.js'

const SPARK = { width: 120, height: 28 }

/** Changes a text only where it differs, so that selections and screen readers are left alone. */
export function write (node, text) {
  if (node.textContent !== text) node.textContent = text
}

/**
 * A list whose members stay the same nodes while their values change.
 * @template T
 * @param {Element} parent @param {T[]} items @param {(item: T) => string} keyOf
 * @param {(item: T) => {node: Element, show: (item: T) => void}} make
 */
export function keyed (parent, items, keyOf, make) {
  const before = parent.pqParts ?? new Map()
  const after = new Map()
  let place = parent.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    const part = before.get(key) ?? make(item)
    part.show(item)
    after.set(key, part)
    if (part.node === place) place = place.nextElementSibling
    else parent.insertBefore(part.node, place)
  }
  for (const [key, part] of before) if (!after.has(key)) part.node.remove()
  parent.pqParts = after
}

/** A figure with its name, a line of the last hour and a remark. @param {string} name */
export function tile (name) {
  const value = el('dd', { class: 'value' }, '–')
  const remark = el('dd', { class: 'remark tiny soft one-line' })
  const size = { viewBox: `0 0 ${SPARK.width} ${SPARK.height}`, preserveAspectRatio: 'none' }
  const drawing = svg('svg', { class: 'spark', 'aria-hidden': 'true', ...size })
  const node = el('div', { class: 'tile' }, el('dt', { class: 'small soft' }, name), value, remark,
    el('dd', { 'aria-hidden': 'true' }, drawing))
  return {
    node,
    /** @param {{value: string, remark?: string, values?: number[], tone?: string}} figure */
    show ({ value: text, remark: said = '', values = [], tone = 'accent' }) {
      write(value, text)
      write(remark, said)
      const box = { width: SPARK.width, height: SPARK.height - 3, top: Math.max(1, ...values) }
      const places = points(values, box)
      fill(drawing, values.length > 1 && [
        svg('path', { class: `area ${tone}`, d: area(places, SPARK.height), transform: 'translate(0 1.5)' }),
        svg('path', { class: `line ${tone}`, d: line(places), transform: 'translate(0 1.5)',
          'vector-effect': 'non-scaling-stroke' })
      ])
    }
  }
}

/**
 * A bar that is made of parts, under its name and its amount.
 * @param {{extra?: Element | null}} [options] something behind the amount, such as a button
 */
export function bar ({ extra = null } = {}) {
  const name = el('span', { class: 'grow one-line' })
  const amount = el('span', { class: 'number' })
  const drawing = svg('svg', { class: 'stacked', width: '100%', height: 8, 'aria-hidden': 'true' })
  const node = el('li', { class: 'bar-row' }, el('div', { class: 'row small' }, name, amount, extra), drawing)
  return {
    node,
    /** @param {{name: string, amount: string, whole: number, parts: Array<{value: number, tone: string}>}} found */
    show ({ name: text, amount: said, whole, parts }) {
      write(name, text)
      name.title = text
      write(amount, said)
      const places = stacked(parts.map(part => part.value), whole)
      const drawn = parts.map(({ tone }, index) => {
        const { begin, length } = places[index]
        const box = { x: share(begin), width: share(length), height: '100%', rx: 2 }
        return length > 0 && svg('rect', { class: `part ${tone}`, ...box })
      })
      fill(drawing, svg('rect', { class: 'track', width: '100%', height: '100%', rx: 4 }), drawn)
    }
  }
}

const share = value => `${(Math.min(value, 1) * 100).toFixed(2)}%`

/** What the colours of a chart mean. @param {Array<{name: string, tone: string}>} keys */
export const legend = keys =>
  el('p', { class: 'readout tiny' }, keys.map(({ name, tone }) => el('span', { class: `key ${tone}` }, name)))

/** A part of a page with a heading. */
export function panel (title, ...children) {
  const id = `h-${title.toLowerCase().replace(/[^a-z]+/g, '-')}`
  return el('section', { class: 'panel', 'aria-labelledby': id }, el('h2', { id }, title), ...children)
}

/** Shows `empty` in the place of `node` while there is nothing. */
export function orEmpty (node, empty, isEmpty) {
  node.hidden = isEmpty
  empty.hidden = !isEmpty
}

/** A line of a command, with a button that copies it. */
export function command (text) {
  const button = el('button', {
    class: 'button small quiet',
    type: 'button',
    onclick: async () => {
      await navigator.clipboard?.writeText(text).catch(() => {})
      write(button, 'Copied')
      setTimeout(() => write(button, 'Copy'), 2000)
    }
  }, 'Copy')
  return el('div', { class: 'command row' }, el('code', { class: 'grow' }, text), button)
}

export const badge = (tone, text) => el('span', { class: `badge ${tone}` }, text)
/** Enough of an id to tell it from others: ids of one minute begin alike. */
export const shortId = id =>
  el('code', { title: id, class: 'id' }, `${String(id).slice(0, 8)}…${String(id).slice(-4)}`)
export const link = (href, ...children) => el('a', { href, 'data-view': true }, ...children)

/** What stands between backticks is a command. */
export const withCode = text => text.split('`').map((part, index) => el(index % 2 ? 'code' : 'span', {}, part))
