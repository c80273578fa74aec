/** References in their order: dragged with a pointer, moved with the arrow keys, taken away. */

import { el, fill } from '../shared/dom.js'
import { MOST_REFERENCES, TYPES } from './pictures.js'

let number = 0

/** Tells `files` (detail: File[]) and `order` (detail: Picture[]). */
export class ReferenceList extends HTMLElement {
  constructor () {
    super()
    this._list = el('ol', { class: 'references', 'aria-label': 'Reference pictures' })
    this._input = el('input', { type: 'file', accept: TYPES, multiple: true, class: 'only-read',
      id: `references-${++number}` })
    this._input.addEventListener('change', () => {
      this.dispatchEvent(new CustomEvent('files', { detail: [...this._input.files] }))
      this._input.value = ''
    })
    this._said = el('p', { class: 'only-read', 'aria-live': 'polite' })
    /** @type {import('./pictures.js').Picture[]} */
    this._pictures = []
    this._isLocked = false
    this._dragged = null
  }

  connectedCallback () {
    if (this.firstChild) return
    this.append(this._list, this._said)
    this.show([])
  }

  /** @param {import('./pictures.js').Picture[]} pictures @param {boolean} [isLocked] */
  show (pictures, isLocked = false) {
    const same = this._list.firstChild && isLocked === this._isLocked && pictures.length === this._pictures.length &&
      pictures.every((picture, at) => picture === this._pictures[at] && picture.url === this._urls[at])
    if (same) return
    const focused = [...this._list.children].findIndex(item => item.contains(document.activeElement))
    this._pictures = [...pictures]
    this._urls = pictures.map(picture => picture.url)
    this._isLocked = isLocked
    this._input.disabled = isLocked
    fill(this._list, pictures.map((picture, at) => this._item(picture, at)),
      !isLocked && pictures.length < MOST_REFERENCES && el('li', { class: 'reference-add' }, this._input,
        el('label', { for: this._input.id },
          el('span', { 'aria-hidden': 'true' }, '+'), pictures.length ? 'Add another' : 'Add a reference')))
    if (focused >= 0) this._focus(Math.min(focused, this._pictures.length - 1))
  }

  _item (picture, at) {
    const name = `Reference ${at + 1} of ${this._pictures.length}`
    const item = el('li', {
      class: picture.url ? 'reference' : 'reference busy', draggable: this._isLocked ? 'false' : 'true',
      ondragstart: event => {
        this._dragged = at
        event.dataTransfer.effectAllowed = 'move'
        event.dataTransfer.setData('text/plain', name)
      },
      ondragend: () => { this._dragged = null },
      ondragover: event => { if (this._dragged !== null) event.preventDefault() },
      ondrop: event => {
        if (this._dragged === null) return
        event.preventDefault()
        event.stopPropagation()
        this._move(this._dragged, at)
      }
    },
    el('button', {
      class: 'reference-photo', type: 'button', 'aria-label': name, 'aria-disabled': this._isLocked && 'true',
      'aria-description': this._isLocked ? null : 'Left and right arrow keys move it, Delete takes it away.',
      onkeydown: event => this._key(event, at)
    }, el('img', { src: picture.shown, alt: '', draggable: 'false' }),
      el('span', { class: 'reference-number' }, String(at + 1))),
    !this._isLocked && el('div', { class: 'reference-tools' },
      this._tool('←', `Move reference ${at + 1} left`, at > 0, () => this._move(at, at - 1)),
      this._tool('→', `Move reference ${at + 1} right`, at < this._pictures.length - 1, () => this._move(at, at + 1)),
      this._tool('×', `Take reference ${at + 1} away`, true, () => this._remove(at))))
    return item
  }

  _tool (sign, name, isThere, onclick) {
    return el('button', { type: 'button', 'aria-label': name, disabled: !isThere, tabindex: '-1', onclick }, sign)
  }

  _key (event, at) {
    if (this._isLocked) return
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: this._pictures.length - 1 }[event.key]
    if (event.key === 'Delete' || event.key === 'Backspace') this._remove(at)
    else if (to !== undefined && to >= 0 && to < this._pictures.length) this._move(at, to)
    else return
    event.preventDefault()
  }

  _move (from, to) {
    const order = [...this._pictures]
    order.splice(to, 0, ...order.splice(from, 1))
    this._change(order)
    this._focus(to)
    this._said.textContent = `Reference ${to + 1} of ${order.length} now.`
  }

  _remove (at) {
    this._change(this._pictures.filter((_, index) => index !== at))
    this._focus(Math.min(at, this._pictures.length - 1))
    this._said.textContent = 'Taken away.'
  }

  _change (order) {
    this.show(order)
    this.dispatchEvent(new CustomEvent('order', { detail: order }))
  }

  _focus (at) {
    const item = this._list.children[at]
    if (item) item.querySelector('button, input')?.focus()
    else this._input.focus()
  }
}

customElements.define('pq-reference-list', ReferenceList)
