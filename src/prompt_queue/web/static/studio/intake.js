/** The left half of a sheet: target, references, sample photographs, and what is still on its way to the server. */

import { el } from '../shared/dom.js'
import { sentence } from '../shared/session.js'
import { MOST_REFERENCES, filesOf, known, refusal, store } from './pictures.js'

/** @typedef {{base: string, makesPictures: boolean, mostBytes: number, samples: string[]}} Facts */

/** Tells `edit` by a person, `stored`, and `wrong` (detail: a sentence). */
export class Intake extends HTMLElement {
  /** @param {Facts} facts */
  constructor (facts) {
    super()
    this._facts = facts
    /** @type {import('./pictures.js').Picture | null} */
    this.target = null
    /** @type {import('./pictures.js').Picture[]} */
    this.refs = []
    this._isLocked = false
    this._drop = el('pq-drop')
    this._list = el('pq-reference-list')
    this._samplesTitle = el('span', { class: 'small soft' })
    this._samples = el('div', { class: 'samples' }, this._samplesTitle, el('div', { class: 'row' },
      facts.samples.map(name => el('button', {
        type: 'button', class: 'sample', 'aria-label': `Sample photograph: ${name.replace('.jpg', '')}`,
        onclick: () => this._takeSample(name)
      }, el('img', { src: `/samples/${name}`, alt: '', width: 56, height: 56, loading: 'lazy' })))))
  }

  connectedCallback () {
    if (this.firstChild) return
    this.append(this._drop, this._list, this._samples)
    this._drop.addEventListener('files', event => this.add(event.detail))
    this._list.addEventListener('files', event => this.add(event.detail, true))
    this._list.addEventListener('order', event => this._change(this.target, event.detail))
    this.addEventListener('dragover', event => event.preventDefault())
    this.addEventListener('drop', event => {
      event.preventDefault()
      this.add(filesOf(event.dataTransfer), this.target !== null)
    })
    this._show()
  }

  focus () { this._drop.focus() }

  /** @param {import('./pictures.js').Picture | null} target @param {import('./pictures.js').Picture[]} refs */
  set (target, refs) {
    this.target = target
    this.refs = refs
    this._show()
  }

  lock (isLocked) {
    if (isLocked === this._isLocked) return
    this._isLocked = isLocked
    this._show()
  }

  /** Takes files in: the first one as target unless all are references. @param {File[]} files */
  add (files, areReferences = false) {
    if (this._isLocked) return
    for (const file of files) {
      const wrong = refusal(file, this._facts.mostBytes)
      if (wrong) {
        this._tell('wrong', wrong)
        continue
      }
      const picture = { url: null, shown: URL.createObjectURL(file) }
      picture.stored = this._store(file, picture)
      this._place(picture, areReferences)
      areReferences = true
    }
  }

  /** The addresses, when all are stored. Throws where one could not be. */
  async ready () {
    for (const picture of [this.target, ...this.refs]) await picture.stored
    return { targetUrl: this.target.url, refUrls: this.refs.map(picture => picture.url) }
  }

  _takeSample (name) {
    this._place(known(`${this._facts.base}/samples/${name}`), this.target !== null)
  }

  _place (picture, isReference) {
    if (!isReference) this._change(picture, this.refs)
    else if (this.refs.length < MOST_REFERENCES) this._change(this.target, [...this.refs, picture])
    else this._tell('wrong', `At most ${MOST_REFERENCES} references fit. Take one away first.`)
  }

  async _store (file, picture) {
    try {
      picture.url = await store(file)
      this._show()
    } catch (error) {
      this.set(this.target === picture ? null : this.target, this.refs.filter(one => one !== picture))
      this._tell('wrong', `${file.name}: ${sentence(error)}`)
    }
    this._tell('stored')
  }

  _change (target, refs) {
    this.set(target, refs)
    this._tell('edit')
  }

  _show () {
    this._drop.show(this.target, { isBusy: this.target !== null && !this.target.url, isLocked: this._isLocked })
    this._list.show(this.refs, this._isLocked)
    this._list.hidden = this._isLocked && !this.refs.length
    this._samples.hidden = this._isLocked
    this._samplesTitle.textContent = this.target ? 'Add a sample as a reference' : 'Or start with a sample'
  }

  _tell (name, detail = null) { this.dispatchEvent(new CustomEvent(name, { detail })) }
}

customElements.define('pq-intake', Intake)
