/** One job sheet: what is ordered on it, and what its buttons do. */

import { sentence } from '../shared/session.js'
import { EMPTY, hintOf } from './hints.js'
import * as orders from './orders.js'
import { copy } from './panels.js'
import { known } from './pictures.js'
import { SheetView } from './sheet-view.js'
import { receiptOf } from './stage.js'

/** Tells `change` when there is something new to remember, and `close`. */
export class Sheet extends SheetView {
  /**
   * @param {object} parts
   * @param {import('./hub.js').Hub} parts.hub
   * @param {import('./intake.js').Facts} parts.facts
   * @param {Partial<import('./hints.js').Hint>} [parts.hint]
   */
  begin ({ hub, facts, hint = {} }) {
    this._hub = hub
    this._facts = facts
    this._state = { ...EMPTY, ...hint }
    this._sending = false
    this._writing = false
    this._wrong = ''
    this._held = null
    this._build(this._deeds())
    this._listen()
    this._form.value = this._state
    this.intake.set(this._state.target ? known(this._state.target) : null, this._state.refs.map(known))
    this._follow()
    this.render()
    return this
  }

  get rowId () { return this._state.rowId }
  get isUntouched () {
    return this.stage === 'draft' && !this.intake.target && !this.intake.refs.length && !this._form.value.words
  }


  /** What to remember of it. @returns {import('./hints.js').Hint} */
  get hint () {
    const { target, refs } = this.intake
    const urls = refs.map(picture => picture.url).filter(Boolean)
    return { ...this._state, ...this._form.value, target: target?.url ?? null, refs: urls }
  }

  /** Whether it shows this job. @param {string} id */
  has (id) { return id === this._state.promptId || id === this._state.pictureId }

  /**
   * A newer job of its row, ordered elsewhere, in another tab perhaps.
   * @param {'prompt'|'picture'} kind
   * @param {any} job
   */
  adopt (kind, job) {
    const { prompt, picture } = this._jobs
    const present = picture ?? prompt
    const isBusy = this._sending || (this.stage === 'draft' && this.contains(document.activeElement))
    if (isBusy || (present && Date.parse(present.createdAt) >= Date.parse(job.createdAt))) return
    const { promptId, pictureId = null } = hintOf(kind, job)
    this._take({ promptId, pictureId })
    this.intake.set(known(job.targetUrl), job.refUrls.map(known))
  }

  /** A job is not there any more, or was never this user's. @param {string} id */
  lose (id) {
    if (id === this._state.pictureId) this._take({ pictureId: null })
    else if (id === this._state.promptId) this._take({ promptId: null, pictureId: null })
  }

  _deeds () {
    return {
      cancel: () => this._do(() => this._cancel()),
      accept: () => this._do(() => this._accept()),
      improve: () => this._order(order => this._asked(order, this._prompt.text.value.trim())),
      again: () => this._order(order => this._asked(order)),
      retry: () => this._do(() => this._retry()),
      write: () => this._show({ writing: true }),
      edit: () => this._edit(),
      change: () => this._take({ promptId: null, pictureId: null }),
      copy: () => copy(this._prompt.text),
      edited: () => this._edited()
    }
  }

  _listen () {
    this.intake.addEventListener('edit', () => this._touched())
    this.intake.addEventListener('stored', () => this._changed())
    this.intake.addEventListener('wrong', event => this._show({ wrong: event.detail }))
    this._form.addEventListener('change', () => this._touched())
    this._form.addEventListener('generate', () => this._generate())
    this._form.addEventListener('ask', () => this._ask())
  }

  _generate () {
    if (!this._form.value.words) return this._lacks('Say what should change, or let Grok write it with AI Generate.',
      this._form)
    this._order(async order => this._take(ids(await orders.makePicture(order, order.words))))
  }

  _ask () {
    this._order(async order => {
      if (this._facts.makesPictures && this._form.value.atOnce) this._take(ids(await orders.askForBoth(order)))
      else await this._asked(order)
    })
  }

  async _asked (order, existing) {
    this._take({ promptId: await orders.askForPrompt(order, existing), pictureId: null })
  }

  async _accept () {
    const text = this._prompt.text.value.trim()
    if (!text) throw new Lacking('The prompt is empty; write what is to be done.')
    if (this._jobs.prompt?.status === 'failed') {
      await orders.supply(this._state.promptId, text)
      await this._lookAgain()
      return this._show({ writing: false })
    }
    const { promptId } = this._state
    this._take(ids(await orders.makePicture(await this._complete(), text, promptId)))
  }

  async _cancel () {
    const receipt = await orders.cancel(this._state)
    this._cancelled.words.textContent = receiptOf(receipt)
    await this._lookAgain()
  }

  async _retry () {
    await orders.retry(this._state)
    await this._lookAgain()
  }

  _edit () {
    const { picture } = this._jobs
    const { promptId } = this._state
    if (promptId) return this._take({ pictureId: null, promptId, edited: picture.prompt })
    this._form.value = { ...this._form.value, words: picture.prompt }
    this._take({ pictureId: null, promptId: null })
  }

  _edited () {
    this._state.edited = this._prompt.text.value
    this._changed()
  }

  async _lookAgain () {
    const { promptId, pictureId } = this._state
    await Promise.all([promptId && this._hub.look('prompt', promptId),
      pictureId && this._hub.look('picture', pictureId)])
  }

  /** Everything an order needs, uploads awaited, in a row of its own. @returns {Promise<orders.Order>} */
  async _complete () {
    const { targetUrl, refUrls } = await this.intake.ready()
    const order = { ...this._form.value, rowId: this._state.rowId, targetUrl, refUrls }
    if (!order.rowId) order.rowId = this._state.rowId = await orders.makeRow(order)
    return order
  }

  _order (deed) {
    if (!this.intake.target) return this._lacks('Choose a photograph first.', this.intake)
    return this._do(async () => deed(await this._complete()))
  }

  /** One deed at a time; what goes wrong becomes a sentence on the sheet. */
  async _do (deed) {
    if (this._sending) return
    this._show({ sending: true, wrong: '' })
    let wrong = ''
    try {
      await deed()
    } catch (error) {
      wrong = error instanceof Lacking ? error.message : sentence(error)
    }
    this._show({ sending: false, wrong })
    this._changed()
  }

  _lacks (wrong, place) {
    this._show({ wrong })
    place.focus()
  }

  _take (jobs) {
    Object.assign(this._state, { edited: null, ...jobs })
    this._follow()
    this._promptOf = null
    this._show({ writing: false, wrong: '' })
    this._changed()
  }

  _follow () {
    const { promptId, pictureId } = this._state
    if (promptId) this._hub.follow('prompt', promptId)
    if (pictureId) this._hub.follow('picture', pictureId)
  }

  _show ({ sending = this._sending, writing = this._writing, wrong = this._wrong }) {
    this._sending = sending
    this._writing = writing
    this._wrong = wrong
    this.render()
  }

  _touched () {
    if (this._wrong) this._show({ wrong: '' })
    this._changed()
  }

  _changed () { this.dispatchEvent(new CustomEvent('change')) }
}

class Lacking extends Error {}

const ids = ({ jobId, promptJobId }) => ({ pictureId: jobId, promptId: promptJobId })

customElements.define('pq-row-card', Sheet)
