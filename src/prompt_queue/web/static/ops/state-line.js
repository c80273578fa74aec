/** The state of the queue in a line that is read first. */

import { el, fill } from '../shared/dom.js'
import { withCode, write } from './parts.js'
import { stateOf } from './state.js'

/** @param {'h1'|'h3'} heading @param {...(Node|false)} more what stands at its end */
export function stateLine (heading, ...more) {
  const title = el(heading)
  const sentence = el('p', { class: 'soft' })
  const dot = el('span', { class: 'dot', 'aria-hidden': 'true' })
  let said = ''
  return {
    node: el('div', { class: 'state row wrap' }, dot, el('div', { class: 'grow' }, title, sentence), ...more),
    /** @param {Record<string, any>} overview */
    show (overview) {
      const found = stateOf(overview)
      dot.className = `dot ${found.tone}`
      write(title, found.title)
      if (found.sentence !== said) fill(sentence, withCode(found.sentence))
      said = found.sentence
    }
  }
}
