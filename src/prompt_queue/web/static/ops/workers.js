/** `<pq-ops-workers>`: who works, since when, and on what. */

import { el } from '../shared/dom.js'
import { count, duration } from '../shared/format.js'
import { badge, bar, command, keyed, link, orEmpty, shortId, write } from './parts.js'

const SILENT_SECONDS = 15

/** A worker with its slots and its jobs. @param {number} [most] jobs that are shown */
export function workerRow (most = Infinity) {
  const name = el('b', { class: 'one-line' })
  const mark = badge('good', 'alive')
  const facts = el('span', { class: 'tiny soft grow' })
  const slots = bar()
  const jobs = el('ul', { class: 'plain doing small' })
  return {
    node: el('li', { class: 'worker' }, el('div', { class: 'row wrap' }, name, mark, facts),
      el('ul', { class: 'plain' }, slots.node), jobs),
    show (worker) {
      const silent = worker.silentSeconds > SILENT_SECONDS
      write(name, worker.name)
      mark.className = `badge ${silent ? 'warn' : 'good'}`
      write(mark, silent ? `silent for ${duration(worker.silentSeconds)}` : 'alive')
      write(facts, [worker.host,
        worker.startedSeconds != null && `up for ${duration(worker.startedSeconds)}`].filter(Boolean).join(' · '))
      slots.show({
        name: 'Slots busy',
        amount: worker.slots == null ? count(worker.busy) : `${count(worker.busy)} of ${count(worker.slots)}`,
        whole: worker.slots ?? Math.max(worker.busy, 1),
        parts: [{ value: worker.busy, tone: 'accent' }]
      })
      keyed(jobs, worker.doing.slice(0, most), one => one.jobId, doingRow)
    }
  }
}

function doingRow (job) {
  const facts = el('span', { class: 'soft' })
  return {
    node: el('li', {}, link(`/ops/jobs/${job.jobId}`, shortId(job.jobId)), ' ', facts),
    show (one) {
      write(facts, [one.kind, one.model,
        one.sinceSeconds != null && `for ${duration(one.sinceSeconds)}`].filter(Boolean).join(' · '))
    }
  }
}

export class PqOpsWorkers extends HTMLElement {
  build () {
    this._list = el('ul', { class: 'plain cards' })
    this._nothing = el('div', { class: 'empty stack' },
      el('p', {}, 'No worker runs. Start one on any machine that reaches the database:'), command('prompt-queue work'))
    this.append(el('h1', {}, 'Workers'), this._list, this._nothing)
    return this
  }

  show ({ workers }) {
    keyed(this._list, workers, one => one.name, () => {
      const row = workerRow()
      row.node.classList.add('panel')
      return row
    })
    orEmpty(this._list, this._nothing, !workers.length)
  }
}

customElements.define('pq-ops-workers', PqOpsWorkers)
