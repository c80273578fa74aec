/** The filters of the job list, as the address has them. Pure. */

import { BANDS } from './bands.js'

export const STATES = {
  prompt: ['queued', 'processing', 'completed', 'failed', 'cancelled'],
  picture: [
    'waiting_prompt', 'queued', 'submitting', 'submission_unknown', 'submitted', 'running', 'saving',
    'succeeded', 'failed', 'cancelled'
  ]
}
export const SOURCES = ['model', 'cache', 'template', 'existing', 'manual']
const MORE = ['model', 'source', 'errorCode', 'userId', 'rowId', 'createdAfter', 'createdBefore']
const NAMES = ['q', 'status', 'priority', ...MORE]
const TIMES = new Set(['createdAfter', 'createdBefore'])

/** The priorities that can be chosen: bands by their names, and each one. */
export const PRIORITIES = [
  ...BANDS.map(({ name, from, to }) => ({ value: from === to ? `${from}` : `${from}-${to}`, label: name })),
  ...Array.from({ length: 9 }, (_, index) => ({ value: `${9 - index}`, label: `${9 - index}` }))
]

/** Filters out of an address; what is not known, or fits the kind not, is left out. @param {string} search */
export function readFilters (search) {
  const said = new URLSearchParams(search)
  const kind = said.get('kind') === 'picture' ? 'picture' : 'prompt'
  const found = { kind }
  for (const name of NAMES) {
    const value = said.get(name)?.trim()
    if (value) found[name] = value
  }
  if (found.status && !STATES[kind].includes(found.status)) delete found.status
  if (kind === 'picture') delete found.source
  return found
}

/** An address for filters, the shortest there is. @param {Record<string, string>} filters */
export function writeFilters (filters) {
  const said = new URLSearchParams()
  if (filters.kind === 'picture') said.set('kind', 'picture')
  for (const name of NAMES) if (filters[name]) said.set(name, filters[name])
  const text = said.toString()
  return text && `?${text}`
}

/** What the server is asked: local times become exact ones. */
export function queryOf (filters) {
  const query = {}
  for (const [name, value] of Object.entries(filters)) query[name] = TIMES.has(name) ? exact(value) : value
  return query
}

/**
 * The jobs that match and that an act is for at all: only failed ones are tried again, only open ones cancelled.
 * @param {'retry'|'cancel'} what @param {Record<string, string>} filters
 */
export function filtersFor (what, filters) {
  const query = queryOf(filters)
  if (query.status) return [query]
  return (what === 'retry' ? ['failed'] : OPEN[query.kind]).map(status => ({ ...query, status }))
}
const OPEN = {
  prompt: STATES.prompt.slice(0, 2),
  picture: STATES.picture.slice(0, 7)
}

/** How many filters are set besides the kind. */
export const countOf = filters => Object.keys(filters).filter(name => name !== 'kind').length

/** Whether filters that are out of sight at first are set. */
export const usesMore = filters => MORE.some(name => filters[name])

const exact = text => Number.isNaN(Date.parse(text)) ? text : new Date(text).toISOString()
