/** The filters of the job list as a form. */

import { el, fill } from '../shared/dom.js'
import { state } from '../shared/format.js'
import { PRIORITIES, SOURCES, STATES, readFilters, usesMore } from './filters.js'

/**
 * @param {(filters: Record<string, string>) => void} changed  called when a filter was chosen or typed
 */
export function filterForm (changed) {
  const inputs = {
    q: input('search', { placeholder: 'Id, or words of a prompt or an error' }),
    status: choice([]),
    priority: choice(PRIORITIES),
    model: input('text'),
    source: choice(SOURCES.map(value => ({ value, label: value }))),
    errorCode: input('text', { placeholder: 'rate_limited' }),
    userId: input('text', { placeholder: 'UUID' }),
    rowId: input('text', { placeholder: 'UUID' }),
    createdAfter: input('datetime-local', { step: 1 }),
    createdBefore: input('datetime-local', { step: 1 })
  }
  const kinds = [['prompt', 'Prompts'], ['picture', 'Pictures']].map(([value, label]) =>
    [el('input', { type: 'radio', name: 'kind', value }), label])
  const more = el('details', { class: 'more-filters' },
    el('summary', { class: 'small soft' }, 'More filters'),
    el('div', { class: 'fields' },
      field('Model', inputs.model), field('Source', inputs.source), field('Class of the error', inputs.errorCode),
      field('User', inputs.userId), field('Row', inputs.rowId),
      field('Created after', inputs.createdAfter), field('Created before', inputs.createdBefore)))
  const node = el('form', { class: 'filters stack', role: 'search', 'aria-label': 'Jobs' },
    el('div', { class: 'fields first' },
      el('fieldset', { class: 'choices', 'aria-label': 'Kind' },
        kinds.map(([radio, label]) => el('label', {}, radio, label))),
      field('Search', inputs.q, 'search'), field('State', inputs.status), field('Priority', inputs.priority)),
    more)
  let later = null
  const now = () => {
    clearTimeout(later)
    changed(read())
  }
  node.addEventListener('submit', event => { event.preventDefault(); now() })
  node.addEventListener('change', now)
  node.addEventListener('input', event => {
    clearTimeout(later)
    if (event.target.matches('[type=search], [type=text]')) later = setTimeout(now, 400)
  })

  function read () {
    const said = new URLSearchParams([['kind', kinds.find(([radio]) => radio.checked)?.[0].value ?? 'prompt']])
    for (const [name, one] of Object.entries(inputs)) if (one.value.trim()) said.set(name, one.value.trim())
    return readFilters(said.toString())
  }

  return {
    node,
    /** @param {Record<string, string>} filters */
    show (filters) {
      for (const [radio] of kinds) radio.checked = radio.value === filters.kind
      const states = STATES[filters.kind].map(value => ({ value, label: state(value) }))
      fill(inputs.status, options(states))
      if (filters.priority && !PRIORITIES.some(one => one.value === filters.priority)) {
        inputs.priority.append(el('option', { value: filters.priority }, filters.priority))
      }
      for (const [name, one] of Object.entries(inputs)) {
        const value = filters[name] ?? ''
        if (one.value.trim() !== value) one.value = value
      }
      inputs.source.disabled = filters.kind === 'picture'
      if (usesMore(filters)) more.open = true
    }
  }
}

const input = (type, more = {}) =>
  el('input', { class: 'input', type, autocomplete: 'off', spellcheck: 'false', ...more })
const options = found =>
  [el('option', { value: '' }, 'any'), ...found.map(({ value, label }) => el('option', { value }, label))]
const choice = found => el('select', { class: 'input' }, options(found))

let numbers = 0
function field (label, one, name = '') {
  one.id = `filter-${++numbers}`
  return el('div', { class: `field ${name}` }, el('label', { for: one.id }, label), one)
}
