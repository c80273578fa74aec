/** `<pq-ops-models>`: breakers, limits and pauses of each model. */

import { el } from '../shared/dom.js'
import { count, duration, quoted, time } from '../shared/format.js'
import { closeBreaker, openBreaker, pause, resume } from './acts.js'
import { changeLimits } from './limits.js'
import { permitsOf } from './minutes.js'
import { badge, bar, keyed, orEmpty, write } from './parts.js'

export class PqOpsModels extends HTMLElement {
  /** @param {boolean} mayAct whether buttons are shown */
  build (mayAct) {
    this._mayAct = mayAct
    this._list = el('ul', { class: 'plain cards' })
    this._nothing = el('p', { class: 'empty' }, 'No model is known yet; a worker names its models when it starts.')
    this.append(el('h1', {}, 'Models'), this._list, this._nothing)
    return this
  }

  show ({ models, paused }) {
    const items = models.map(model =>
      ({ ...model, pause: paused.models.find(one => one.model === model.model) ?? null }))
    keyed(this._list, items, one => one.model, () => modelCard(this._mayAct))
    orEmpty(this._list, this._nothing, !items.length)
  }
}

/** A model with its buttons. @param {boolean} mayAct */
export function modelCard (mayAct) {
  let now = null
  const title = el('h2')
  const marks = el('p', { class: 'row wrap' })
  const sentence = el('p', { class: 'small soft' })
  const used = bar()
  const facts = el('dl', { class: 'facts small' })
  const press = (deed, danger) =>
    el('button', { class: `button small${danger ? ' danger' : ''}`, type: 'button', onclick: deed })
  const buttons = mayAct && {
    pause: press(() => now.pause ? resume({ model: now.model }) : pause({ model: now.model })),
    breaker: press(() => now.breaker === 'closed' ? openBreaker(now.model) : closeBreaker(now.model)),
    limits: press(() => changeLimits(now))
  }
  return {
    node: el('li', { class: 'panel model stack' }, title, marks, sentence, el('ul', { class: 'plain' }, used.node),
      facts,
      buttons && el('div', { class: 'row wrap' }, buttons.pause, buttons.breaker, buttons.limits)),
    show (model) {
      now = model
      write(title, model.model)
      keyed(marks, marksOf(model), one => one.text, one => ({ node: badge(one.tone, one.text), show () {} }))
      const words = wordsOf(model)
      write(sentence, words)
      used.show({
        name: 'Requests, last minute',
        ...permitsOf(model)
      })
      keyed(facts, factsOf(model), ([name]) => name, () => fact())
      if (!buttons) return
      label(buttons.pause, now.pause ? 'Resume' : 'Pause', model.model)
      label(buttons.breaker, now.breaker === 'closed' ? 'Open breaker' : 'Close breaker', model.model)
      label(buttons.limits, 'Limits', model.model)
    }
  }
}

function label (button, text, model) {
  write(button, text)
  button.setAttribute('aria-label', `${text}: ${model}`)
}

const BREAKERS = {
  closed: { tone: 'good', text: 'working' },
  open: { tone: 'bad', text: 'breaker open' },
  half_open: { tone: 'warn', text: 'being tried' }
}

function marksOf (model) {
  return [
    BREAKERS[model.breaker],
    model.pause && { tone: 'warn', text: 'paused' },
    model.limitedSeconds > 0 && { tone: 'warn', text: 'asked to slow down' },
    model.listed === false && { tone: 'warn', text: 'not listed by the provider' }
  ].filter(Boolean)
}

function wordsOf (model) {
  if (model.pause) {
    const why = model.pause.reason ? `: ${quoted(model.pause.reason)}` : ''
    return `Paused since ${time(model.pause.since)} by ${model.pause.actor}${why}.`
  }
  if (model.breaker !== 'closed') {
    const until = model.waitSeconds == null ? 'until somebody closes it' : `for another ${duration(model.waitSeconds)}`
    const cause = model.cause ? ` because of ${quoted(String(model.cause).replaceAll('_', ' '))}` : ''
    return `Nobody asks it ${until}${cause}${model.byHand ? ', by hand' : ''}.`
  }
  if (model.limitedSeconds > 0) return `The provider lets it go on in ${duration(model.limitedSeconds)}.`
  return 'Calls go through.'
}

const factsOf = model => [
  ['Requests a second', model.requestsPerSecond == null ? 'no limit' : count(model.requestsPerSecond)],
  ['Tokens a minute', model.tokensPerMinute == null ? 'no limit' : count(model.tokensPerMinute)],
  ['Rate now', model.rate == null ? '–' : `${count(model.rate)} a second`],
  ['Retries left', count(Math.floor(model.retriesLeft))],
  ['Answers of another model', count(model.redirected)]
]

/** A name and its value. */
function fact () {
  const name = el('dt', { class: 'soft' })
  const value = el('dd')
  return {
    node: el('div', {}, name, value),
    show ([said, text]) {
      write(name, said)
      write(value, text)
    }
  }
}

customElements.define('pq-ops-models', PqOpsModels)
