/** What a sheet looks like in each of its stages, and where focus goes when one follows another. */

import { el } from '../shared/dom.js'
import { quoted } from '../shared/format.js'
import { priorityWord } from './form.js'
import { Intake } from './intake.js'
import { cancelledPanel, donePanel, failurePanel, promptPanel, waitingPanel } from './panels.js'
import { badgeOf, progressOf, stageOf } from './stage.js'

export class SheetView extends HTMLElement {
  get stage () { return stageOf(this._jobs) }

  setNumber (number) {
    this._title.textContent = `Picture ${number}`
    this._close.setAttribute('aria-label', `Put picture ${number} away`)
  }

  get _jobs () {
    const { promptId, pictureId } = this._state
    const sending = this._sending || this._isUnknown
    return { prompt: this._hub.job(promptId), picture: this._hub.job(pictureId), sending }
  }

  /** A job that was named but not yet looked at. */
  get _isUnknown () {
    const { promptId, pictureId } = this._state
    return pictureId ? !this._hub.job(pictureId) : promptId ? !this._hub.job(promptId) : false
  }

  /** @param {Record<string, (event?: any) => void>} deeds what its buttons do */
  _build (deeds) {
    this._title = el('h2', { tabindex: '-1' })
    this._badge = el('span', { class: 'badge' })
    this._close = el('button', { class: 'button quiet icon', type: 'button',
      onclick: () => this.dispatchEvent(new CustomEvent('close')) }, '×')
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
        el('div', { class: 'sheet-side stack' }, this._notice, this._recap, this._form, this._waiting.node,
          this._prompt.node, this._failure.node, this._done.node, this._cancelled.node)))
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
    const urgency = priorityWord(picture?.priority ?? prompt?.priority ?? priority)
    this._recap.textContent = `${words ? quoted(words) : 'Without words of yours'} · ${urgency}`
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
    this._waiting.progress.show(progressOf(stage === 'sending' ? { isSending: this._sending } : { prompt, picture }),
      { run, seconds: left, text, isWritten: stage === 'painting' })
    this._waiting.stop.hidden = stage === 'sending'
  }

  _showPrompt (stage, prompt) {
    const isWriting = stage === 'failed'
    const id = this._state.promptId
    if (this._promptOf !== `${id} ${stage}`) {
      this._promptOf = `${id} ${stage}`
      this._prompt.text.value = this._state.edited ?? prompt?.generatedPrompt ?? ''
    }
    this._prompt.show(id, prompt, isWriting)
  }

  /** Focus goes on with what happens; the title holds it while there is nothing to press. */
  _keepFocus (view) {
    const active = document.activeElement
    const isLost = active === document.body || !active?.checkVisibility()
    const isOver = active === this._title && this._held !== null && view !== this._held
    if (!isLost && !isOver) return
    const places = {
      draft: this._form,
      ready: this._prompt.text,
      failed: this._failure.words,
      painted: this._compare,
      cancelled: this._cancelled.again
    }
    const place = places[view] ?? (this._waiting.stop.hidden ? this._title : this._waiting.stop)
    this._held = place === this._title ? view : null
    place.focus({ preventScroll: true })
  }
}
