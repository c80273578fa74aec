/** What was made before, from the server's own lists, newest first. */

import { ownPath } from '../shared/address.js'
import { el, fill } from '../shared/dom.js'
import { state, time, tone } from '../shared/format.js'
import { as, sentence } from '../shared/session.js'

const PAGE = 12
const SLOW = 200

/** Tells `open` (detail: {kind, id}). */
export class JobHistory extends HTMLElement {
  constructor () {
    super()
    this._list = el('ul', { class: 'history' })
    this._more = el('button', { class: 'button', type: 'button', hidden: true, onclick: () => this._showMore() },
      'Show more')
    this._said = el('p', { class: 'empty', hidden: true })
    this._again = el('button', { class: 'button small', type: 'button', onclick: () => this.refresh() }, 'Try again')
    this._walk = null
    this._shown = { walk: null, jobs: [] }
    this._wanted = PAGE
    this._turn = Promise.resolve()
  }

  connectedCallback () {
    if (!this.firstChild) this.append(el('h2', {}, 'Earlier'), this._list, this._said,
      el('div', { class: 'row' }, this._more))
  }

  /** Reads the lists from their beginning; as many entries as are shown. */
  async refresh () {
    this._walk = walk()
    await this._load()
  }

  _showMore () {
    this._wanted = this._shown.jobs.length + PAGE
    this._load()
  }

  /** Shows these entries. @param {any[]} jobs @param {boolean} [isAll] */
  show (jobs, isAll = true) {
    this._said.hidden = jobs.length > 0
    this._said.textContent = 'What you make is listed here, and stays.'
    fill(this._list, jobs.map(entry))
    this._more.hidden = isAll
    for (const item of this._list.querySelectorAll('button')) item.addEventListener('click',
      () => this.dispatchEvent(new CustomEvent('open', { detail: { ...item.dataset } })))
  }

  /** @param {unknown} error */
  fail (error) {
    this._said.hidden = false
    fill(this._said, el('span', {}, `${sentence(error)} `), this._again)
  }

  /** One after the other: what is asked for while the lists are read anew is read with them. */
  _load () {
    this._turn = this._turn.then(() => this._read())
    return this._turn
  }

  async _read () {
    const walk = this._walk
    const found = this._shown.walk === walk ? this._shown.jobs : []
    const slow = setTimeout(() => {
      if (!this._list.firstChild) fill(this._list,
        Array.from({ length: 4 }, () => el('li', { class: 'shimmer history-shimmer' })))
    }, SLOW)
    try {
      const { jobs, isAll } = await walk(Math.max(this._wanted - found.length, 0))
      if (walk !== this._walk) return
      this._shown = { walk, jobs: [...found, ...jobs] }
      this.show(this._shown.jobs, isAll)
    } catch (error) {
      if (walk !== this._walk) return
      if (this._list.querySelector('.shimmer')) fill(this._list)
      this.fail(error)
    } finally {
      clearTimeout(slow)
    }
  }
}

/** Pictures and prompts in one order; a prompt that became a picture is told by that. */
function walk () {
  let lists = null
  const seen = new Set()
  return async most => {
    lists ??= await as(async queue => {
      const iterators = [queue.jobs.list({ limit: PAGE }), queue.list({ limit: PAGE })]
      return Promise.all(iterators.map(async iterator => ({ iterator, head: await iterator.next() })))
    })
    const jobs = []
    for (;;) {
      const made = list => Date.parse(list.head.value.createdAt)
      const next = lists.filter(list => !list.head.done).sort((a, b) => made(b) - made(a))[0]
      if (!next || jobs.length >= most) return { jobs, isAll: !next }
      const job = next.head.value
      next.head = await next.iterator.next()
      if (job.jobId) seen.add(job.promptJobId)
      if (job.jobId || !seen.has(job.promptJobId)) jobs.push(job)
    }
  }
}

function entry (job) {
  const made = job.pictures?.find(one => one.url)
  const shown = ownPath(made?.thumbnailUrl ?? made?.url ?? job.targetUrl)
  const words = job.prompt ?? job.generatedPrompt ?? job.error ?? 'No prompt yet'
  const kind = job.jobId ? 'picture' : 'prompt'
  const isDone = job.status === 'succeeded'
  const word = job.status === 'completed' ? 'prompt' : state(job.status)
  const photo = shown && el('img', { src: shown, alt: '', loading: 'lazy', onerror: () => photo.remove() })
  return el('li', { class: 'history-entry' },
    el('button', { type: 'button', 'data-kind': kind, 'data-id': job.jobId ?? job.promptJobId },
      el('span', { class: 'history-photo' }, photo,
        !isDone && el('span', { class: `badge ${tone(job.status)}` }, word)),
      el('span', { class: 'history-words small' }, words),
      el('span', { class: 'history-time tiny soft' }, time(job.createdAt))))
}

customElements.define('pq-history', JobHistory)
