/** The dashboard: which view the address means, who looks, and what all views have in common. */

import './audit.js'
import './job.js'
import './jobs.js'
import './models.js'
import './overview.js'
import './workers.js'
import { el, fill } from '../shared/dom.js'
import { time } from '../shared/format.js'
import { sentence } from '../shared/session.js'
import { mayAct } from './api.js'
import { watch } from './feed.js'
import { badge, link, write } from './parts.js'
import { viewAt } from './views.js'

const VIEWS = [
  { path: '/ops', label: 'Overview' },
  { path: '/ops/jobs', label: 'Jobs' },
  { path: '/ops/models', label: 'Models' },
  { path: '/ops/workers', label: 'Workers' },
  { path: '/ops/audit', label: 'Audit' }
]

export class PqOps extends HTMLElement {
  async connectedCallback () {
    if (this._place) return
    this._heading = this.querySelector('h1')
    this._asOf = el('span', { class: 'tiny soft', id: 'as-of' })
    this._readOnly = badge('plain', 'Read only')
    this._readOnly.hidden = true
    this._links = VIEWS.map(view => link(view.path, view.label))
    this._away = el('p', { class: 'notice warn', role: 'status', hidden: true })
    this._loading = el('div', { class: 'stack', hidden: true, 'aria-hidden': 'true' },
      el('div', { class: 'shimmer line-high' }),
      el('div', { class: 'tiles' }, [1, 2, 3, 4].map(() => el('div', { class: 'shimmer tall' }))))
    this._place = el('div', { class: 'view' })
    this.append(
      el('div', { class: 'row wrap ops-bar' },
        el('nav', { class: 'tabs', 'aria-label': 'Dashboard' }, this._links), el('span', { class: 'grow' }),
        this._readOnly, this._asOf),
      this._away, this._loading, this._place)
    this.addEventListener('click', event => this._follow(event))
    addEventListener('popstate', () => this._go())
    const slow = setTimeout(() => { this._loading.hidden = false }, 200)
    this._mayAct = await this._ask()
    clearTimeout(slow)
    this._loading.hidden = true
    this._readOnly.hidden = this._mayAct
    this._go()
    watch(news => this._tell(news))
  }

  /** Whether this person may press; asked until somebody answers. */
  async _ask () {
    for (;;) {
      try {
        return await mayAct()
      } catch (error) {
        this._say(sentence(error))
        await new Promise(resolve => setTimeout(resolve, 3000))
      }
    }
  }

  _follow (event) {
    const anchor = event.target.closest('a[data-view]')
    if (!anchor || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    history.pushState(null, '', anchor.href)
    this._go()
    scrollTo(0, 0)
    const heading = this._place.querySelector('h1')
    heading?.setAttribute('tabindex', '-1')
    heading?.focus({ preventScroll: true })
  }

  _go () {
    const { name, id, path, title } = viewAt(location.pathname)
    for (const one of this._links) {
      if (one.getAttribute('href') === path) one.setAttribute('aria-current', 'page')
      else one.removeAttribute('aria-current')
    }
    document.title = `${title} · prompt-queue`
    if (this._name !== name) {
      this._name = name
      this._view = name ? document.createElement(`pq-ops-${name}`).build(this._mayAct) : null
      fill(this._place, this._view ?? el('div', { class: 'empty stack' },
        el('h1', {}, 'There is no such page'), el('p', {}, link('/ops', 'Back to the overview'))))
    }
    if (name === 'jobs') this._view.open(location.search)
    if (name === 'job') this._view.open(id)
    if (this._news?.overview) this._view?.show(this._news.overview)
    else if (name === 'overview') this._view.hidden = true
    // Each view has a heading of its own.
    if (!this._view?.hidden) this._heading.remove()
  }

  _tell (news) {
    this._news = news
    const { overview, error, away } = news
    if (overview) {
      write(this._asOf, `${away ? 'Offline, as' : 'As'} of ${time(overview.now)}`)
      if (this._view) {
        this._view.hidden = false
        this._heading.remove()
        this._view.show(overview)
      }
    }
    this._say(error && (away
      ? 'The server cannot be reached. What you see is as it was; the page goes on by itself when it is back.'
      : sentence(error)))
  }

  _say (words) {
    this._away.hidden = !words
    write(this._away, words ?? '')
  }
}

customElements.define('pq-ops', PqOps)
