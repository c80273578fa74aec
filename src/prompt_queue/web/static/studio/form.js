/** What a person says: own words, how urgent it is, and the two buttons beside each other. */

import { el } from '../shared/dom.js'

export const PRIORITIES = [
  [2, 'Whenever', 'Low: when nothing else waits'],
  [5, 'Normal', 'Normal'],
  [8, 'Soon', 'High: before what is normal'],
  [10, 'Now', 'Critical: before everything else']
]

let number = 0

/** The word for a priority. @param {number} priority */
export const priorityWord = priority => PRIORITIES.findLast(([least]) => priority >= least - 1)?.[1] ?? 'Whenever'

/** Tells `change`, `generate` and `ask`. */
export class OrderForm extends HTMLElement {
  constructor () {
    super()
    const id = `order-${++number}`
    this._words = el('textarea', { class: 'input', id: `${id}-words`, maxlength: 2000,
      'aria-describedby': `${id}-hint`, placeholder: 'Make the suit deep red and keep everything else' })
    this._priorities = PRIORITIES.map(([value, word, long]) =>
      el('label', { title: long }, el('input', { type: 'radio', name: `${id}-priority`, value, checked: value === 5 }),
        word))
    this._consent = el('input', { type: 'checkbox', id: `${id}-consent` })
    this._atOnce = el('input', { type: 'checkbox', id: `${id}-at-once` })
    this._makes = el('label', { class: 'check small', for: `${id}-at-once` }, this._atOnce,
      'Make the picture at once, without asking me')
    this.generate = el('button', { class: 'button', type: 'button', onclick: () => this._tell('generate') }, 'Generate')
    this.ask = el('button', { class: 'button primary', type: 'button', onclick: () => this._tell('ask') },
      'AI Generate')
    this._hint = el('p', { class: 'hint', id: `${id}-hint` })
    this._id = id
  }

  connectedCallback () {
    if (this.firstChild) return
    const makes = this.hasAttribute('makes-pictures')
    this._hint.textContent = makes
      ? 'Generate takes your words as they are. With AI Generate, Grok looks at your pictures and writes the ' +
        'prompt; your words are wishes then, and may be left out.'
      : 'Grok looks at your pictures and writes the prompt; your words are wishes, and may be left out.'
    this.append(
      el('div', { class: 'field' }, el('label', { for: `${this._id}-words` }, 'What should change?'), this._words,
        this._hint),
      el('fieldset', { class: 'field plain' }, el('legend', { class: 'label' }, 'When do you need it?'),
        el('div', { class: 'choices' }, this._priorities)),
      el('div', { class: 'checks' },
        el('label', { class: 'check small', for: `${this._id}-consent` }, this._consent,
          'The people in these pictures agree to be edited'),
        makes && this._makes),
      el('div', { class: 'row wrap' }, makes && this.generate, this.ask))
    this.addEventListener('input', () => this._tell('change'))
  }

  get value () {
    return {
      words: this._words.value.trim(),
      priority: Number(this._priorities.map(label => label.firstChild).find(input => input.checked).value),
      consent: this._consent.checked,
      atOnce: this._atOnce.checked
    }
  }

  set value ({ words, priority, consent, atOnce }) {
    this._words.value = words
    const word = priorityWord(priority)
    for (const label of this._priorities) label.firstChild.checked = label.textContent === word
    this._consent.checked = consent
    this._atOnce.checked = atOnce
  }

  focus () { this._words.focus() }

  _tell (name) { this.dispatchEvent(new CustomEvent(name)) }
}

customElements.define('pq-order-form', OrderForm)
