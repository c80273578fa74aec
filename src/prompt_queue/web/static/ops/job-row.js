/** A job in the list. */

import { el } from '../shared/dom.js'
import { band, state, time, tone, usd } from '../shared/format.js'
import { link, shortId, write } from './parts.js'

/**
 * @param {false | ((id: string, isOn: boolean) => void)} choose  none: it cannot be chosen
 * @param {Set<string>} chosen
 */
export function jobRow (choose, chosen) {
  let now = null
  const box = choose && el('input', { type: 'checkbox', onchange: () => choose(now.id, box.checked) })
  const place = el('td', { class: 'job-id', 'data-name': 'Job' })
  const status = el('span', { class: 'badge' })
  const priority = el('td', { 'data-name': 'Priority' })
  const created = el('td', { 'data-name': 'Created' })
  const made = el('td', { 'data-name': 'Made by' })
  const wrong = el('td', { class: 'wrong-cell', 'data-name': 'What went wrong' })
  const cost = el('td', { class: 'number', 'data-name': 'Cost' })
  return {
    node: el('tr', {}, choose && el('td', { class: 'choose' }, box), place, el('td', { 'data-name': 'State' }, status),
      priority, created, made, wrong, cost),
    show (job) {
      if (!now) place.append(link(`/ops/jobs/${job.id}`, shortId(job.id)))
      now = job
      if (box) {
        box.checked = chosen.has(job.id)
        box.setAttribute('aria-label', `Choose ${job.id}`)
      }
      status.className = `badge ${tone(job.status)}`
      write(status, state(job.status))
      write(priority, `${job.priority} · ${job.priorityBand ?? band(job.priority)}`)
      write(created, time(job.createdAt))
      write(made, madeBy(job))
      const words = job.error ?? (job.errorCode ? String(job.errorCode).replaceAll('_', ' ') : '')
      write(wrong, words)
      wrong.title = words
      write(cost, usd(job.costUsd))
    }
  }
}

function madeBy ({ model, source }) {
  if (source && source !== 'model') return model ? `${source} · ${model}` : source
  return model ?? '–'
}
