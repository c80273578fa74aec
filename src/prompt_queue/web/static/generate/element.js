/** <prompt-queue-generate>: the AI Generate button. docs/button.md says what can be set, replaced, styled and heard. */

import { PromptQueue } from '../prompt-queue.js'
import { Errand } from './errand.js'
import { explained } from './explaining.js'
import { FIELDS, Unreadable, fieldsOf } from './fields.js'
import { lineTo } from './line.js'
import { ENDED, initial, isRunning, next } from './machine.js'
import { Memory } from './memory.js'
import { build, draw } from './parts.js'
import { STRINGS } from './strings.js'
import { styleSheet } from './style.js'
import { wordsOf } from './wording.js'

const BEAT = 1000
// What the line breaks is begun again by the errand; the client's own repeats may be short.
const PATIENCE = { attempt: 20000, total: 20000 }
const PLACES = ['api', 'mode', 'row-id']
const SERVER = new URL('../../..', import.meta.url).href

export class PromptQueueGenerate extends HTMLElement {
  static formAssociated = true
  static observedAttributes = ['disabled', ...PLACES, ...Object.keys(STRINGS).map(name => `text-${name}`)]

  constructor () {
    super()
    this._internals = this.attachInternals()
    this._view = initial('prompt')
    this._strings = {}
    this._token = null
    this._staleToken = false
    this._editing = false
    this._restored = false
    this._nodes = build({
      press: () => this.start(),
      cancel: () => this.cancel(),
      save: event => this._save(event),
      leave: () => this._edit(false)
    })
    this._nodes.editor.addEventListener('keydown', event => event.key === 'Escape' && this._edit(false))
    const root = this.attachShadow({ mode: 'open' })
    root.adoptedStyleSheets = [styleSheet()]
    root.append(this._nodes.press, this._nodes.card, this._nodes.status)
  }

  connectedCallback () {
    for (const name of ['token', 'tokenProvider', 'strings', ...FIELDS.map(camel)]) this._takeUp(name)
    this._timer = setInterval(() => isRunning(this._view) && this._tell({ type: 'tick' }), BEAT)
    this._draw()
    this._settle()
  }

  disconnectedCallback () {
    clearInterval(this._timer)
    this._leave()
  }

  attributeChangedCallback (name, before, after) {
    if (before === after || !this.isConnected) return
    if (PLACES.includes(name)) this._settle()
    this._draw()
  }

  formResetCallback () { this.reset() }
  focus (options) { (this._nodes.card.hidden ? this._nodes.press : this._nodes.title).focus(options) }
  formDisabledCallback () { this._draw() }

  /** A string, or a function that gives one, also later; asked for each request, with `{refresh: true}` after a 401. */
  get token () { return this._token }
  set token (value) {
    this._token = value
    if (this.isConnected && this._view.state === 'idle') this._settle()
  }

  get tokenProvider () { return this._token }
  set tokenProvider (value) { this.token = value }

  /** Strings by their names, as `text-NAME` has them; attributes win. */
  get strings () { return this._strings }
  set strings (value) {
    this._strings = value ?? {}
    this._draw()
  }

  get state () { return this._view.state }
  get prompt () { return this._view.prompt }
  get pictures () { return this._view.pictures }
  get jobId () { return this._view.jobId }
  get promptJobId () { return this._view.promptJobId }
  get progress () { return this._view.progress }
  get form () { return this._internals.form }
  get mode () { return this.getAttribute('mode') === 'picture' ? 'picture' : 'prompt' }
  set mode (value) { this.setAttribute('mode', value) }
  get api () { return (this.getAttribute('api') ?? SERVER).replace(/\/+$/, '') }
  set api (value) { this.setAttribute('api', value) }
  get disabled () { return this.hasAttribute('disabled') }
  set disabled (value) { this.toggleAttribute('disabled', Boolean(value)) }

  /** Press the button. While something is under way, nothing. */
  start () { if (!isRunning(this._view) && !this.matches(':disabled')) this._begin({}) }
  /** Cancel what is under way. */
  cancel () { if (isRunning(this._view) && !this._view.cancelling) this._errand.cancel() }
  /** After a failure: once more. */
  retry () { if (this._view.state === 'failed') this._act('again') }
  /** Forget what there was. A job that is under way goes on, unseen. */
  reset () {
    this._errand?.forget()
    this._editing = false
    this._tell({ type: 'reset', mode: this.mode })
  }

  /** The server, the row or the mode is another one: what runs there is looked for. */
  _settle () {
    this._leave()
    const { api, mode } = this
    this._line = lineTo(api)
    this._heardOf = () => this._tell({ type: 'line', up: this._line.up })
    this._line.addEventListener('change', this._heardOf)
    const rowId = this.getAttribute('row-id')
    this._errand = new Errand({
      queue: new PromptQueue({
        baseUrl: api, token: () => this._askToken(), fetch: this._line.fetch, patience: PATIENCE
      }),
      mode,
      line: this._line,
      memory: new Memory(api, mode, rowId),
      tell: event => this._tell(event),
      refresh: () => { this._staleToken = true }
    })
    if (rowId !== this._settled?.rowId || mode !== this._settled.mode) this._tell({ type: 'reset', mode })
    this._settled = { rowId, mode }
    if (rowId) this._whenSeen(() => this._resume(rowId))
  }

  _leave () {
    this._errand?.stop()
    this._sight?.disconnect()
    this._line?.removeEventListener('change', this._heardOf)
  }

  async _resume (rowId) {
    const errand = this._errand
    this._restored = true
    await errand.resume(rowId)
    if (errand === this._errand) this._restored = false
  }

  /** A long list of buttons asks for those that somebody can see. */
  _whenSeen (deed) {
    this._sight = new IntersectionObserver(entries => {
      if (!entries.some(entry => entry.isIntersecting)) return
      this._sight.disconnect()
      if (this._view.state === 'idle' || isRunning(this._view)) deed()
    })
    this._sight.observe(this)
  }

  _begin (more) {
    this._with(fields => this._errand.begin({ ...fields, ...more }))
  }

  /** Does something with what the attributes ask for. */
  _with (deed) {
    this._restored = false
    this._sight?.disconnect()
    try {
      deed(fieldsOf(name => this.getAttribute(name), this.mode))
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      this._tell({ type: 'refused', error })
    }
  }

  _act (action) {
    const existing = this.getAttribute('existing-prompt') ?? ''
    switch (action) {
      case 'again': return this._with(fields => this._errand.again(fields))
      case 'template': return this._begin({ minQuality: 'template_ok' })
      case 'anew': return this._begin({})
      case 'another': return this._begin({ cache: 'refresh' })
      case 'existing': return this._with(fields => this._errand.own(existing, fields))
      case 'over': return this.reset()
      case 'own': return this._edit(true, this._view.text || existing)
      case 'change': return this._edit(true, this._view.prompt)
    }
  }

  _edit (editing, text = '') {
    this._editing = editing
    this._nodes.wrong.textContent = ''
    if (editing) this._nodes.area.value = text
    this._draw()
    if (editing) this._nodes.area.focus()
    else this._nodes.actions.querySelector('button')?.focus()
  }

  _save (event) {
    event.preventDefault()
    const text = this._nodes.area.value.trim()
    if (!text) {
      this._nodes.wrong.textContent = this._text('own-empty')
      this._nodes.area.focus()
      return
    }
    const successor = this._view.state === 'done'
    this._editing = false
    this._with(fields => this._errand.own(text, fields, { successor }))
  }

  async _askToken () {
    const refresh = this._staleToken
    this._staleToken = false
    if (typeof this._token === 'function') return await this._token({ refresh }) ?? ''
    if (this._token) return this._token
    let given = ''
    const detail = { refresh, respondWith: token => { given = token } }
    this.dispatchEvent(new CustomEvent('prompt-queue:token', { detail, bubbles: true, composed: true }))
    return await given ?? ''
  }

  _tell (event) {
    const before = this._view
    const known = event.type === 'refused' ? { ...event, ...this._explain(event.error) } : event
    const view = this._view = next(before, { ...known, at: performance.now() })
    this._draw()
    this._announce(before, view)
    return view
  }

  _explain (error) {
    const found = explained(error, name => this._text(name), location.origin)
    if (found === null) console.error(error)
    return found ?? { sentence: this._text('broken'), code: 'broken' }
  }

  _announce (before, view) {
    const { state, text, prompt, pictures, jobId, promptJobId, position, progress, error, code, actions } = view
    const ids = { jobId, promptJobId, restored: this._restored }
    if (view.offline !== before.offline) this._emit('offline', { offline: view.offline })
    if (state !== before.state) this._emit('state', { ...ids, state, previous: before.state, position, progress })
    if (text !== before.text || prompt !== before.prompt) {
      if (text) this._emit('prompt', { ...ids, prompt: text, partial: prompt === null })
    }
    if (prompt !== before.prompt) this._internals.setFormValue(prompt)
    if (state === before.state || !ENDED.includes(state)) return
    if (pictures.length > 0) this._emit('picture', { ...ids, pictures, url: pictures[0].url })
    if (state === 'done') this._emit('done', { ...ids, prompt, pictures, source: view.source, standIn: view.standIn })
    else if (state === 'failed') this._emit('failed', { ...ids, error, code, actions })
    else this._emit('cancelled', { ...ids, receipt: view.receipt })
  }

  _emit (name, detail) {
    this.dispatchEvent(new CustomEvent(`prompt-queue:${name}`, { detail, bubbles: true, composed: true }))
  }

  _text (name) { return this.getAttribute(`text-${name}`) ?? this._strings[name] ?? STRINGS[name] }

  _draw () {
    const view = this._view
    const focused = this.shadowRoot.activeElement
    if (this.getAttribute('state') !== view.state) this.setAttribute('state', view.state)
    draw(this._nodes, view, wordsOf(view, name => this._text(name), performance.now(), navigator.onLine), {
      text: name => this._text(name),
      act: action => this._act(action),
      editing: this._editing,
      disabled: this.matches(':disabled')
    })
    // What had the focus may be gone; it goes to what came in its place.
    if (!focused || (focused.isConnected && focused.checkVisibility())) return
    this.focus({ preventScroll: true })
  }

  /** A property that was set before the element was known. */
  _takeUp (name) {
    if (!Object.hasOwn(this, name)) return
    const value = this[name]
    delete this[name]
    this[name] = value
  }
}

/** @param {string} name @returns {string} */
function camel (name) { return name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase()) }

for (const name of FIELDS) {
  Object.defineProperty(PromptQueueGenerate.prototype, camel(name), {
    configurable: true,
    enumerable: true,
    get () { return this.getAttribute(name) },
    set (value) {
      if (value == null || value === false) this.removeAttribute(name)
      else this.setAttribute(name, Array.isArray(value) ? JSON.stringify(value) : value === true ? '' : value)
    }
  })
}
