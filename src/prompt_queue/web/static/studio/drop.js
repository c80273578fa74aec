/** Where the picture that is to be edited goes: dropped, chosen or pasted. */

import { el, fill } from '../shared/dom.js'
import { TYPES, filesOf } from './pictures.js'

let number = 0

/** Tells `files` (detail: File[]). */
export class Drop extends HTMLElement {
  constructor () {
    super()
    this._input = el('input', { type: 'file', accept: TYPES, multiple: true, class: 'only-read',
      id: `target-${++number}` })
    this._input.addEventListener('change', () => {
      this._tell([...this._input.files])
      this._input.value = ''
    })
    this._face = el('label', { class: 'drop-face', for: this._input.id })
    this._depth = 0
  }

  connectedCallback () {
    if (this.firstChild) return
    this.append(this._input, this._face)
    this.show(null)
    this.addEventListener('dragenter', event => this._over(event, 1))
    this.addEventListener('dragover', event => event.preventDefault())
    this.addEventListener('dragleave', event => this._over(event, -1))
    this.addEventListener('drop', event => {
      event.preventDefault()
      event.stopPropagation()
      this._depth = 0
      this.classList.remove('over')
      if (!this._input.disabled) this._tell(filesOf(event.dataTransfer))
    })
  }

  /** @param {import('./pictures.js').Picture | null} picture @param {{isBusy?: boolean, isLocked?: boolean}} [state] */
  show (picture, { isBusy = false, isLocked = false } = {}) {
    this._input.disabled = isLocked
    this.classList.toggle('locked', isLocked)
    this.classList.toggle('busy', isBusy)
    this.classList.toggle('full', picture !== null)
    if (picture === null) {
      delete this.dataset.shown
      fill(this._face,
        el('span', { class: 'drop-sign', 'aria-hidden': 'true' }, '+'),
        el('span', { class: 'drop-words' }, 'Drop a photograph here'),
        el('span', { class: 'drop-hint' }, 'or choose one, or paste it'))
    } else if (this.dataset.shown !== picture.shown) {
      this.dataset.shown = picture.shown
      const photo = el('img', { src: picture.shown, alt: 'The photograph to be changed',
        onload: () => this._fit(photo), onerror: () => this._lost(photo) })
      fill(this._face, photo, el('span', { class: 'drop-change' }, 'Choose another'))
    }
  }

  focus () { this._input.focus() }

  _fit (photo) {
    const aspect = Math.min(Math.max(photo.naturalWidth / photo.naturalHeight, 0.75), 16 / 9)
    this.style.setProperty('--aspect', aspect.toFixed(3))
  }

  _lost (photo) {
    photo.replaceWith(el('span', { class: 'drop-hint' }, 'This photograph is no longer there. Choose it again.'))
  }

  _over (event, by) {
    event.preventDefault()
    this._depth = Math.max(0, this._depth + by)
    this.classList.toggle('over', this._depth > 0 && !this._input.disabled)
  }

  _tell (files) {
    if (files.length) this.dispatchEvent(new CustomEvent('files', { detail: files }))
  }
}

customElements.define('pq-drop', Drop)
