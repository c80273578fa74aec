/** Before and after, with a line between them that a pointer drags and a slider moves. */

import { el, put } from '../shared/dom.js'

let number = 0

export class Compare extends HTMLElement {
  constructor () {
    super()
    this._before = el('img', { class: 'compare-before', alt: 'Before', draggable: 'false' })
    this._after = el('img', { class: 'compare-after', alt: 'After', draggable: 'false' })
    this._before.addEventListener('error', () => this.classList.add('lost'))
    this._after.addEventListener('load', () => {
      const { naturalWidth, naturalHeight } = this._after
      this.style.setProperty('--aspect', Math.min(Math.max(naturalWidth / naturalHeight, 0.75), 16 / 9).toFixed(3))
      this.classList.add('loaded')
    })
    this._frame = el('div', { class: 'compare-frame' },
      this._before, this._after, el('span', { class: 'compare-line', 'aria-hidden': 'true' }),
      el('span', { class: 'compare-tag before', 'aria-hidden': 'true' }, 'Before'),
      el('span', { class: 'compare-tag after', 'aria-hidden': 'true' }, 'After'))
    this._slider = el('input', { type: 'range', min: '0', max: '100', value: '50', id: `compare-${++number}`,
      'aria-label': 'How much of the photograph before is shown' })
  }

  connectedCallback () {
    if (this.firstChild) return
    this.append(this._frame, this._slider)
    this._slider.addEventListener('input', () => this._cut(Number(this._slider.value)))
    this._frame.addEventListener('pointerdown', event => {
      this._frame.setPointerCapture(event.pointerId)
      this._drag(event)
    })
    this._frame.addEventListener('pointermove', event => {
      if (this._frame.hasPointerCapture(event.pointerId)) this._drag(event)
    })
    this._cut(50)
  }

  /** @param {string} before @param {string} after */
  show (before, after) {
    if (this._after.getAttribute('src') === after && this._before.getAttribute('src') === before) return
    this.classList.remove('loaded', 'lost')
    put(this._before, 'src', before)
    put(this._after, 'src', after)
  }

  focus () { this._slider.focus() }

  _drag (event) {
    const box = this._frame.getBoundingClientRect()
    const share = Math.round(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * 100)
    this._slider.value = String(share)
    this._cut(share)
  }

  _cut (share) {
    this.style.setProperty('--cut', `${share}%`)
    this._slider.setAttribute('aria-valuetext', `${share} % before, ${100 - share} % after`)
  }
}

customElements.define('pq-compare', Compare)
