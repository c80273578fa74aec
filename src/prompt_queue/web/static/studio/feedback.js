/** A thumb up or down, with a reason; kept by the server, changed and withdrawn at will. */

import { el, svg } from '../shared/dom.js'
import { as, sentence } from '../shared/session.js'

const REASONS = {
  up: { as_wished: 'Just as I wished', other: 'Something else' },
  down: {
    missed_the_point: 'It misses the point', wrong_style: 'The style is wrong', changed_too_much: 'It changes too much',
    changed_too_little: 'It changes too little', poor_quality: 'Poorly made', other: 'Something else'
  }
}
const THUMB = 'M7 10v10H4a1 1 0 0 1-1-1v-8a1 1 0 0 1 1-1h3Zm2 10V9.5L12.6 3a2 2 0 0 1 2.4 2.4L14.2 9H19a2 2 0 0 1 2 2.4l-1.3 7A2 2 0 0 1 17.7 20H9Z'

let number = 0

export class FeedbackForm extends HTMLElement {
  constructor () {
    super()
    const id = `feedback-${++number}`
    this._up = this._thumb('up', 'Good')
    this._down = this._thumb('down', 'Not good')
    this._reason = el('select', { class: 'input', id: `${id}-reason`, onchange: () => this._send() })
    this._text = el('input', { class: 'input', id: `${id}-text`, maxlength: 500, autocomplete: 'off',
      placeholder: 'In your own words' })
    this._text.addEventListener('change', () => this._send())
    this._said = el('p', { class: 'feedback-said soft tiny', 'aria-live': 'polite' })
    this._question = el('span', { class: 'small soft', id: `${id}-question` })
    this._thumbs = el('div', { class: 'row', role: 'group', 'aria-labelledby': `${id}-question` }, this._question,
      this._up, this._down)
    this._why = el('div', { class: 'feedback-why', hidden: true },
      el('label', { class: 'only-read', for: `${id}-reason` }, 'Why'), this._reason,
      el('label', { class: 'only-read', for: `${id}-text` }, 'In your own words'), this._text)
    this._path = null
    this._verdict = null
  }

  connectedCallback () {
    if (!this.firstChild) this.append(this._thumbs, this._why, this._said)
  }

  /**
   * @param {string} path where it is kept
   * @param {string} question
   * @param {Record<string, any> | null} feedback as the job has it
   */
  show (path, question, feedback) {
    this._question.textContent = question
    const told = JSON.stringify([path, feedback?.updatedAt])
    if (told === this._told) return
    this._told = told
    if (path !== this._path) this._said.textContent = ''
    this._path = path
    this._set(feedback)
  }

  _set (feedback) {
    this._verdict = feedback?.verdict ?? null
    this._up.setAttribute('aria-pressed', String(this._verdict === 'up'))
    this._down.setAttribute('aria-pressed', String(this._verdict === 'down'))
    this._why.hidden = !this._verdict
    if (!this._verdict) return
    const words = REASONS[this._verdict]
    this._reason.replaceChildren(el('option', { value: '' }, 'Why? (as you like)'),
      ...Object.entries(words).map(([code, word]) => el('option', { value: code }, word)))
    this._reason.value = feedback.reason in words ? feedback.reason : ''
    if (this._text !== document.activeElement) this._text.value = feedback.text ?? ''
  }

  _thumb (verdict, name) {
    const drawing = svg('svg', { viewBox: '0 0 24 24', width: 20, height: 20, 'aria-hidden': 'true' },
      svg('path', { d: THUMB }))
    return el('button', {
      type: 'button', class: `thumb ${verdict}`, 'aria-label': name, 'aria-pressed': 'false',
        onclick: () => this._press(verdict)
    }, drawing)
  }

  _press (verdict) {
    if (this._verdict === verdict) return this._withdraw()
    this._set({ verdict, reason: null, text: this._text.value })
    this._send()
  }

  async _send () {
    const json = { verdict: this._verdict, reason: this._reason.value || null, text: this._text.value.trim() || null }
    await this._call({ method: 'PUT', json }, 'Kept. Thank you.')
  }

  async _withdraw () {
    this._text.value = ''
    this._set(null)
    await this._call({ method: 'DELETE' }, 'Withdrawn.')
  }

  async _call (request, thanks) {
    const path = this._path
    try {
      await as(queue => queue.send({ path, repeatable: true, ...request }))
      if (path === this._path) this._said.textContent = thanks
    } catch (error) {
      if (path === this._path) this._said.textContent = sentence(error)
    }
  }
}

customElements.define('pq-feedback', FeedbackForm)
