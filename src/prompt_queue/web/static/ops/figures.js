/** The panels of the overview: each has `node`, and `show` takes the overview. */

import { el } from '../shared/dom.js'
import { count, duration, percent, state, usd } from '../shared/format.js'
import { pause, resume } from './acts.js'
import { byBand, pauseOf } from './bands.js'
import { permitsOf } from './minutes.js'
import { badge, bar, keyed, legend, link, orEmpty, panel, write } from './parts.js'
import { workerRow } from './workers.js'

const DEPTH = [{ name: 'at work', tone: 'accent' }, { name: 'ready', tone: 'ready' }, { name: 'delayed', tone: 'warn' }]

/** A panel of bars, or a sentence where there are none. */
function bars (title, empty, rowsOf, { keys, note } = {}) {
  const list = el('ul', { class: 'plain bars' })
  const nothing = el('p', { class: 'soft small' }, empty)
  const remark = note && el('p', { class: 'soft small' })
  return {
    node: panel(title, keys && legend(keys), list, nothing, remark),
    show (overview) {
      const rows = rowsOf(overview)
      keyed(list, rows, one => one.name, one => bar(one))
      orEmpty(list, nothing, !rows.length)
      if (remark) write(remark, note(overview))
    }
  }
}

/** How many prompts of each band wait and are at work, with a switch for each band. */
export function depthPanel (mayAct) {
  const list = el('ul', { class: 'plain bars' })
  const pictures = el('p', { class: 'soft small' })
  return {
    node: panel('Prompts by priority', legend(DEPTH), list, pictures),
    show ({ depth, paused }) {
      const bands = byBand(depth.byPriority)
      const whole = Math.max(1, ...bands.map(band => band.ready + band.delayed + band.processing))
      const found = band => pauseOf(band.to, paused.priorities) ?? pauseOf(band.from, paused.priorities)
      const rows = bands.map(band => ({ ...band, whole, pause: found(band) }))
      keyed(list, rows, one => one.name, () => bandRow(mayAct))
      write(pictures, picturesIn(depth.byStatus.pictures))
    }
  }
}

function bandRow (mayAct) {
  let now = null
  const mark = badge('warn', 'paused')
  const button = mayAct && el('button', {
    class: 'button small quiet',
    type: 'button',
    onclick: () => {
      const what = { priorities: { from: now.from, to: now.to } }
      return now.pause ? resume(what) : pause(what)
    }
  })
  const inner = bar({ extra: el('span', { class: 'row tight' }, mark, button) })
  return {
    node: inner.node,
    show (band) {
      now = band
      const amount = band.ready + band.delayed + band.processing
      inner.show({
        name: band.name,
        amount: count(amount),
        whole: band.whole,
        parts: [
          { value: band.processing, tone: 'accent' },
          { value: band.ready, tone: 'ready' },
          { value: band.delayed, tone: 'warn' }
        ]
      })
      mark.hidden = !band.pause
      if (!button) return
      write(button, band.pause ? 'Resume' : 'Pause')
      button.setAttribute('aria-label', `${band.pause ? 'Resume' : 'Pause'} ${band.name} priority`)
    }
  }
}

function picturesIn (byStatus) {
  const there = Object.entries(byStatus).filter(([, amount]) => amount)
  if (!there.length) return 'No pictures are open.'
  return `Pictures: ${there.map(([status, amount]) => `${count(amount)} ${state(snake(status))}`).join(', ')}.`
}

/** How long jobs of the last hour waited and were worked on. */
export function waitsPanel () {
  const body = el('tbody')
  return {
    node: panel('Waits and work, last hour', el('table', { class: 'data' },
      el('thead', {}, el('tr', {}, ['Prompts', 'Wait', 'At work'].map((name, index) =>
        el('th', { scope: 'col', class: index ? 'number' : '' }, name)))), body)),
    show ({ wait, processing }) {
      const rows = [
        ['Half within', duration(wait.p50), duration(processing.p50)],
        ['9 of 10 within', duration(wait.p90), duration(processing.p90)],
        ['99 of 100 within', duration(wait.p99), duration(processing.p99)],
        ['Jobs', count(wait.count), count(processing.count)]
      ]
      keyed(body, rows, ([name]) => name, row)
    }
  }
}

export const errorsPanel = () => bars(
  'Failures by class, last hour', 'Nothing failed in the last hour.',
  ({ errors }) => ranked(errors, errorName, one => one.count, 'bad'))

export const sourcesPanel = () => bars(
  'Where prompts came from, last 24 h', 'No prompt was made in the last 24 hours.',
  ({ sources }) => ranked(sources, one => SOURCES[one.source] ?? one.source, one => one.count, 'accent',
    one => `${count(one.count)} · ${percent(one.share)}`))

/** Requests of the last minute against what the gate allows. */
export const modelsPanel = () => bars(
  'Requests allowed, last minute', 'No model was asked yet.',
  ({ models }) => models.map(one => ({
    name: one.breaker === 'closed' ? one.model : `${one.model} (not asked)`,
    ...permitsOf(one)
  })))

export const promisesPanel = () => bars(
  'Promised times kept', 'No promise was put to the test yet.',
  ({ promises }) => promises.map(one => ({
    name: PROMISES[one.kind] ?? one.kind,
    amount: `${percent(one.coverage)} of ${count(one.scored)}`,
    whole: 1,
    parts: [{ value: one.coverage, tone: one.coverage >= 0.85 ? 'good' : 'warn' }]
  })),
  { note: ({ promises }) => promises.length ? `Of the last ${promises[0].hours} hours; 90 % is what was meant.` : '' })

/** What was spent today, a line a model. */
export function spendPanel () {
  const body = el('tbody')
  const nothing = el('p', { class: 'soft small' }, 'Nothing was spent since midnight UTC.')
  const names = ['Calls', 'No answer', 'Tokens in', 'Tokens out', 'Cost']
  const scroll = el('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Spend by model' },
    el('table', { class: 'data' },
      el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Model'),
        names.map(name => el('th', { scope: 'col', class: 'number' }, name)))), body))
  return {
    node: panel('Spend today, by model', scroll, nothing),
    show ({ spend }) {
      orEmpty(scroll, nothing, !spend.byModel.length)
      const largest = Math.max(...spend.byModel.map(one => one.usd), 0)
      keyed(body, spend.byModel, one => `${one.leg} ${one.provider} ${one.model}`, () => spendRow(largest))
    }
  }
}

function spendRow (largest) {
  const inner = bar()
  const cells = ['', '', '', '', ''].map(() => el('td', { class: 'number' }))
  return {
    node: el('tr', {}, el('th', { scope: 'row', class: 'spend' }, el('ul', { class: 'plain' }, inner.node)), cells),
    show (one) {
      const parts = [{ value: one.usd, tone: 'accent' }]
      inner.show({ name: one.model ?? one.provider, amount: '', whole: largest, parts })
      const values = [count(one.calls), count(one.unresolved), count(one.inputTokens), count(one.outputTokens),
        usd(one.usd)]
      values.forEach((text, index) => write(cells[index], text))
    }
  }
}

/** Who works, and on what. */
export function workersPanel () {
  const list = el('ul', { class: 'plain stack' })
  const nothing = el('p', { class: 'soft small' }, 'No worker runs. ', el('code', {}, 'prompt-queue work'),
    ' starts one.')
  return {
    node: panel('Workers', list, nothing, el('p', { class: 'small more' }, link('/ops/workers', 'All about workers'))),
    show ({ workers }) {
      keyed(list, workers.slice(0, 6), one => one.name, () => workerRow(3))
      orEmpty(list, nothing, !workers.length)
    }
  }
}

/** The most frequent ones, as bars of the whole. */
function ranked (found, nameOf, valueOf, tone, words = one => count(valueOf(one))) {
  const whole = found.reduce((sum, one) => sum + valueOf(one), 0)
  return found.toSorted((a, b) => valueOf(b) - valueOf(a)).slice(0, 8)
    .map(one => ({ name: nameOf(one), amount: words(one), whole, parts: [{ value: valueOf(one), tone }] }))
}

/** A line of a table: a name and its values. */
function row (cells) {
  const nodes = cells.map((_, index) => index ? el('td', { class: 'number' }) : el('th', { scope: 'row' }))
  return {
    node: el('tr', {}, nodes),
    show: texts => texts.forEach((text, index) => write(nodes[index], text))
  }
}

const snake = name => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
const errorName = ({ code, kind }) => `${String(code).replaceAll('_', ' ')}${kind === 'picture' ? ' (picture)' : ''}`
const SOURCES = {
  model: 'a model',
  cache: 'an identical request',
  template: 'a template',
  existing: 'the row’s own prompt',
  manual: 'a person'
}
const PROMISES = { start: 'Prompts: the start', done: 'Prompts: the end', picture: 'Pictures' }
