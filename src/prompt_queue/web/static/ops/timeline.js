/** A job's story as a list: attempts with what happened in them, and what happened between. */

import { el, fill } from '../shared/dom.js'
import { duration, time } from '../shared/format.js'
import { badge } from './parts.js'
import { entriesOf, grouped } from './story.js'

/** @param {false | ((delivery: {id: string}) => void)} replay  none: webhooks cannot be sent again */
export function timelineList (replay) {
  const node = el('ol', { class: 'plain story' })
  let drawn = ''
  return {
    node,
    /** @param {{timeline: object, attempts: any[]}} found */
    show ({ timeline, attempts }) {
      const groups = grouped(entriesOf(timeline), attempts)
      const text = JSON.stringify(groups)
      if (text === drawn) return
      drawn = text
      fill(node, groups.flatMap(group => group.attempt ? attempt(group, replay)
        : group.entries.map(one => step(one, replay))))
    }
  }
}

function attempt ({ attempt: { number, leg, worker, claimedAt, endedAt, outcome }, entries }, replay) {
  const took = endedAt ? duration((Date.parse(endedAt) - Date.parse(claimedAt)) / 1000) : null
  const id = `attempt-${leg}-${number}`
  return el('li', { class: 'attempt' },
    el('div', { class: 'row wrap attempt-head' },
      el('h3', { id }, `${leg === 'picture' ? 'Picture, attempt' : 'Attempt'} ${number}`),
      badge(outcome ? OUTCOMES[outcome] ?? 'bad' : 'busy', outcome ? outcome.replaceAll('_', ' ') : 'under way'),
      el('span', { class: 'tiny soft' }, [worker, took].filter(Boolean).join(' · '))),
    el('ol', { class: 'plain', 'aria-labelledby': id }, entries.map(one => step(one, replay))))
}

const OUTCOMES = {
  completed: 'good',
  answered: 'good',
  failed: 'bad',
  unanswered: 'bad',
  retry_scheduled: 'warn',
  postponed: 'warn',
  lease_lost: 'warn',
  following: '',
  released: '',
  cancelled: ''
}

function step ({ at, sort, tone, title, detail, source }, replay) {
  const ended = sort === 'webhook' && ['delivered', 'exhausted', 'disabled'].includes(source.state)
  return el('li', { class: `step ${sort} ${tone}` },
    el('time', { class: 'tiny soft', datetime: at }, time(at)),
    el('div', { class: 'grow' },
      el('span', { class: 'step-title' }, title),
      detail && el('span', { class: 'small soft block' }, detail)),
    replay && ended && el('button', { class: 'button small quiet', type: 'button', onclick: () => replay(source) },
      'Send again'))
}
