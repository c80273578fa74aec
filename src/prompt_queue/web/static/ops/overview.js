/** `<pq-ops-overview>`: how the queue is, at a glance. */

import './lines.js'
import { el } from '../shared/dom.js'
import { time } from '../shared/format.js'
import { pause, resume } from './acts.js'
import {
  depthPanel, errorsPanel, modelsPanel, promisesPanel, sourcesPanel, spendPanel, waitsPanel, workersPanel
} from './figures.js'
import { flow, tilesOf } from './minutes.js'
import { badge, keyed, panel, tile, withCode, write } from './parts.js'
import { stateLine } from './state-line.js'

export class PqOpsOverview extends HTMLElement {
  /** @param {boolean} mayAct whether buttons are shown */
  build (mayAct) {
    this._button = mayAct &&
      el('button', { class: 'button', type: 'button', onclick: () => this._paused ? resume() : pause() })
    this._state = stateLine('h1', this._button)
    this._alerts = el('ul', { class: 'plain stack', 'aria-label': 'Alerts that are firing' })
    this._tiles = el('dl', { class: 'tiles' })
    this._flow = el('pq-lines')
    this._depth = el('pq-lines')
    this._panels = [
      depthPanel(mayAct), waitsPanel(), errorsPanel(), sourcesPanel(), spendPanel(), modelsPanel(), promisesPanel(),
      workersPanel()
    ]
    const [depth, waits, errors, sources, spend, models, promises, workers] = this._panels.map(one => one.node)
    this.append(
      this._state.node,
      this._alerts,
      this._tiles,
      el('div', { class: 'cards overview' },
        wide(panel('Coming and going, by the minute', this._flow)), wide(panel('Waiting, by the minute', this._depth)),
        depth, waits, errors, sources, models, promises, wide(spend), wide(workers)))
    return this
  }

  /** @param {Record<string, any>} overview */
  show (overview) {
    this._state.show(overview)
    this._paused = overview.paused.queue !== null
    if (this._button) write(this._button, this._paused ? 'Resume the queue' : 'Pause the queue')
    keyed(this._alerts, overview.alerts, alert => `${alert.name} ${alert.sentence}`, alertLine)
    this._alerts.hidden = !overview.alerts.length
    keyed(this._tiles, tilesOf(overview), one => one.name, one => tile(one.name))
    const { lines, depths } = flow(overview)
    this._flow.show(lines)
    this._depth.show(depths)
    for (const one of this._panels) one.show(overview)
  }
}

function alertLine () {
  const words = el('span', { class: 'grow' })
  const since = el('span', { class: 'tiny' })
  return {
    node: el('li', { class: 'notice bad alert' }, badge('bad', 'Alert'), words, since),
    show (alert) {
      if (!words.firstChild) words.append(...withCode(alert.sentence))
      write(since, `since ${time(alert.since)}`)
    }
  }
}

function wide (node) {
  node.classList.add('wide')
  return node
}

customElements.define('pq-ops-overview', PqOpsOverview)
