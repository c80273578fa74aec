/** One job sheet: the pictures on the left; on the right what is wanted, what happens, and what came of it. */

import { el } from '../shared/dom.js'
import { sentence } from '../shared/session.js'
import { priorityWord } from './form.js'
import { EMPTY } from './hints.js'
import { Intake } from './intake.js'
import * as orders from './orders.js'
import { cancelledPanel, copy, donePanel, failurePanel, promptPanel, waitingPanel } from './panels.js'
import { known } from './pictures.js'
import { badgeOf, originOf, progressOf, receiptOf, stageOf } from './stage.js'

/** Tells `change` when there is something new to remember, and `close`. */
export class Sheet extends HTMLElement {
  /** @param {{hub: import('./hub.js').Hub, facts: {base: string, makesPictures: boolean, mostBytes: number, samples: string[]}, hint?: Partial<import('./hints.js').Hint>}} parts */
  begin ({ hub, facts, hint = {} }) {
    this._hub = hub
    this._facts = facts
    this._state = { ...EMPTY, ...hint }
    this._sending = false
    this._writing = false
    this._wrong = ''
    this._held = null
    this._build()
    this._form.value = this._state
    this.intake.set(this._state.target ? known(this._state.target) : null, this._state.refs.map(known))
    for (const [kind, id] of [['prompt', this._state.promptId], ['picture', this._state.pictureId]]) if (id) hub.follow(kind, id)
    this.render()
    return this
  }

  get rowId () { return this._state.rowId }
  get stage () { return stageOf(this._jobs) }
  get isUntouched () { return this.stage === 'draft' && !this.intake.target && !this.intake.refs.length && !this._form.value.words }

  /** What to remember of it. @returns {import('./hints.js').Hint} */
  get hint () {
    const { target, refs } = this.intake
    const urls = refs.map(picture => picture.url).filter(Boolean)
    return { ...this._state, ...this._form.value, target: target?.url ?? null, refs: urls }
  }

  /** Whether it shows this job. @param {string} id */
  has (id) { return id === this._state.promptId || id === this._state.pictureId }

  /** A newer job of its row, ordered elsewhere, in another tab perhaps. @param {'prompt'|'picture'} kind @param {any} job */
  adopt (kind, job) {
    const { prompt, picture } = this._jobs
    const present = picture ?? prompt
    const isBusy = this._sending || (this.stage === 'draft' && this.contains(document.activeElement))
    if (isBusy || (present && Date.parse(present.createdAt) >= Date.parse(job.createdAt))) return
    this._take(kind === 'picture' ? { pictureId: job.jobId, promptId: job.promptJobId } : { promptId: job.promptJobId, pictureId: null })
    this.intake.set(known(job.targetUrl), job.refUrls.map(known))
  }

  /** A job is not there any more, or was never this user's. @param {string} id */
  lose (id) {
    if (this.has(id)) this._take(id === this._state.pictureId ? { pictureId: null } : { promptId: null, pictureId: null })
  }

  setNumber (number) {
    this._title.textContent = `Picture ${number}`
    this._close.setAttribute('aria-label', `Put picture ${number} away`)
  }

  get _jobs () {
    const { promptId, pictureId } = this._state
    return { prompt: this._hub.job(promptId), picture: this._hub.job(pictureId), sending: this._sending || this._isUnknown }
  }

  /** A job that was named but not yet looked at. */
  get _isUnknown () {
    const { promptId, pictureId } = this._state
    return pictureId ? !this._hub.job(pictureId) : promptId ? !this._hub.job(promptId) : false
  }

  _build () {
    const deeds = {
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
    this._title = el('h2', { tabindex: '-1' })
    this._badge = el('span', { class: 'badge' })
    this._close = el('button', { class: 'button quiet icon', type: 'button', onclick: () => this.dispatchEvent(new CustomEvent('close')) }, '×')
    this.intake = new Intake(this._facts)
    this._compare = el('pq-compare', { hidden: true })
    this._form = el('pq-order-form', { 'makes-pictures': this._facts.makesPictures })
    this._recap = el('p', { class: 'recap small soft' })
    this._notice = el('div', { class: 'notice bad', role: 'alert', hidden: true })
    this._waiting = waitingPanel(deeds)
    this._prompt = promptPanel(deeds, this._facts.makesPictures)
    this._failure = failurePanel(deeds)
    this._done = donePanel(deeds)
    this._cancelled = cancelledPanel(deeds)
    this.append(
      el('header', { class: 'sheet-head' }, this._title, this._badge, this._close),
      el('div', { class: 'sheet-body' },
        el('div', { class: 'sheet-pictures' }, this._compare, this.intake),
        el('div', { class: 'sheet-side stack' }, this._notice, this._recap, this._form, this._waiting.node, this._prompt.node, this._failure.node, this._done.node, this._cancelled.node)))
    this.intake.addEventListener('edit', () => this._touched())
    this.intake.addEventListener('stored', () => this._changed())
    this.intake.addEventListener('wrong', event => this._show({ wrong: event.detail }))
    this._form.addEventListener('change', () => this._touched())
    this._form.addEventListener('generate', () => this._generate())
    this._form.addEventListener('ask', () => this._ask())
  }

  /** Shows what is known now. */
  render () {
    const { prompt, picture } = this._jobs
    const stage = this.stage
    const view = stage === 'failed' && this._writing ? 'ready' : stage === 'sending' ? 'prompting' : stage
    const hadFocus = this.contains(document.activeElement)
    this.dataset.stage = stage
    const [word, tone] = badgeOf(stage)
    this._badge.textContent = word
    this._badge.className = `badge ${tone}`
    this._badge.hidden = !word
    this._notice.hidden = !this._wrong
    this._notice.textContent = this._wrong
    this.intake.lock(stage !== 'draft')
    this.intake.hidden = view === 'painted'
    this._compare.hidden = view !== 'painted'
    this._form.hidden = view !== 'draft'
    this._recap.hidden = view === 'draft'
    const { words, priority } = this._form.value
    this._recap.textContent = `${words ? `“${words}”` : 'Without words of yours'} · ${priorityWord(picture?.priority ?? prompt?.priority ?? priority)}`
    this._waiting.node.hidden = !['prompting', 'painting'].includes(view)
    this._prompt.node.hidden = view !== 'ready'
    this._failure.node.hidden = view !== 'failed'
    this._done.node.hidden = view !== 'painted'
    this._cancelled.node.hidden = view !== 'cancelled'
    if (view === 'prompting' || view === 'painting') this._showProgress(stage, prompt, picture)
    if (view === 'ready') this._showPrompt(stage, prompt)
    if (view === 'failed') this._failure.show({ prompt, picture })
    if (view === 'painted') this._done.show(picture, this._compare)
    if (hadFocus) this._keepFocus(view)
  }

  _showProgress (stage, prompt, picture) {
    const job = picture ?? prompt
    const run = `${this._state.promptId ?? ''} ${this._state.pictureId ?? ''}`
    const text = job?.partialPrompt ?? (stage === 'painting' ? picture.prompt : '')
    const left = stage === 'sending' ? null : job?.estimatedWaitTime
    this._waiting.progress.show(progressOf(stage === 'sending' ? { isSending: this._sending } : { prompt, picture }), { run, seconds: left, text, isWritten: stage === 'painting' })
    this._waiting.stop.hidden = stage === 'sending'
  }

  _showPrompt (stage, prompt) {
    const isWriting = stage === 'failed'
    const id = this._state.promptId
    if (this._promptOf !== `${id} ${stage}`) {
      this._promptOf = `${id} ${stage}`
      this._prompt.text.value = this._state.edited ?? prompt?.generatedPrompt ?? ''
    }
    this._prompt.label.textContent = isWriting ? 'Your own prompt' : 'The prompt'
    this._prompt.origin.textContent = isWriting ? 'Say what is to be done to the photograph, in a sentence or two.' : `${originOf(prompt)} You can change it.`
    this._prompt.more.hidden = isWriting
    this._prompt.write.hidden = !isWriting
    this._prompt.feedback.hidden = isWriting
    if (!isWriting) this._prompt.feedback.show(`/api/prompt/queue/${id}`, 'Is it a good prompt?', prompt.feedback)
  }

  /** Focus goes on with what happens; the title holds it while there is nothing to press. */
  _keepFocus (view) {
    const active = document.activeElement
    const isLost = active === document.body || !active?.checkVisibility()
    const isOver = active === this._title && this._held !== null && view !== this._held
    if (!isLost && !isOver) return
    const places = { draft: this._form, ready: this._prompt.text, failed: this._failure.words, painted: this._compare, cancelled: this._cancelled.again }
    const place = view === 'prompting' || view === 'painting' ? (this._waiting.stop.hidden ? this._title : this._waiting.stop) : places[view]
    this._held = place === this._title ? view : null
    place.focus({ preventScroll: true })
  }

  _generate () {
    if (!this._form.value.words) return this._lacks('Say what should change, or let Grok write it with AI Generate.', this._form)
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
    await Promise.all([promptId && this._hub.look('prompt', promptId), pictureId && this._hub.look('picture', pictureId)])
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
    if (this._state.promptId) this._hub.follow('prompt', this._state.promptId)
    if (this._state.pictureId) this._hub.follow('picture', this._state.pictureId)
    this._promptOf = null
    this._show({ writing: false, wrong: '' })
    this._changed()
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
