/** The parts of the dashboard on the design page. */

import '../ops/lines.js'
import { depthPanel, errorsPanel, modelsPanel, promisesPanel, sourcesPanel, spendPanel,
  waitsPanel } from '../ops/figures.js'
import { jobRow } from '../ops/job-row.js'
import { flow, tilesOf } from '../ops/minutes.js'
import { modelCard } from '../ops/models.js'
import { keyed, tile } from '../ops/parts.js'
import { stateLine } from '../ops/state-line.js'
import { timelineList } from '../ops/timeline.js'
import { whyCard } from '../ops/why.js'
import { workerRow } from '../ops/workers.js'
import { el } from '../shared/dom.js'
import { BUSY, MODELS, PAUSES, QUEUES, QUIET, ROWS, STORY, WAITS } from './ops-data.js'

const place = name => document.getElementById(`d-ops-${name}`)
const shown = (part, data, ...more) => {
  part.show(data, ...more)
  return part.node
}

place('states').append(...QUEUES.map(queue => shown(stateLine('h3'), queue)))

const tiles = el('dl', { class: 'tiles' })
keyed(tiles, tilesOf(BUSY), one => one.name, one => tile(one.name))
place('tiles').append(tiles)

for (const [name, queue] of [['busy', BUSY], ['quiet', QUIET]]) {
  const lines = el('pq-lines')
  const cards = el('div', { class: 'cards' },
    [depthPanel(true), waitsPanel(), errorsPanel(), sourcesPanel(), modelsPanel(), promisesPanel(),
      spendPanel()].map(one => shown(one, queue)))
  place(name).append(lines, cards)
  lines.show(flow(queue).lines)
  // Ids and names of both sets would be the same.
  for (const one of place(name).querySelectorAll('[aria-labelledby]')) {
    const heading = one.querySelector('h2')
    heading.id = `${heading.id}-${name}`
    heading.append(el('span', { class: 'only-read' }, `, ${name}`))
    one.setAttribute('aria-labelledby', heading.id)
  }
}

place('why').append(...WAITS.map((found, index) => {
  const node = shown(whyCard(() => {}), found, { ...BUSY, models: MODELS, paused: PAUSES })
  node.querySelector('h2').id = `why-${index}`
  node.setAttribute('aria-labelledby', `why-${index}`)
  return node
}))

place('models').append(...MODELS.map(model =>
  shown(modelCard(true), { ...model, pause: model === MODELS[0] ? PAUSES.models[0] : null })))
place('workers').append(...BUSY.workers.map(worker => {
  const node = shown(workerRow(), worker)
  node.classList.add('panel')
  return node
}))
place('rows').append(...ROWS.map(row => shown(jobRow(() => {}, new Set([ROWS[0].id])), row)))
place('story').append(shown(timelineList(() => {}), STORY))
