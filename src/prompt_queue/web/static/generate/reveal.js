/** A text that arrives word by word, in the pace in which it is read, however unevenly it comes. */

const BEAT = 50
// What has come is shown within about so many beats.
const BEATS = 12

/**
 * The next piece of a text: pure.
 * @param {number} shown  characters that are shown @param {string} text @returns {number}  characters to show next
 */
export function further (shown, text) {
  const behind = text.slice(shown).match(/\S+\s*|\s+/g) ?? []
  const words = Math.max(1, Math.ceil(behind.length / BEATS))
  return shown + behind.slice(0, words).join('').length
}

export class Reveal {
  /** @param {HTMLElement} node */
  constructor (node) {
    this._node = node
    this._text = ''
    this._shown = 0
    this._timer = null
    this._calm = globalThis.matchMedia?.('(prefers-reduced-motion: reduce)')
  }

  /** @param {string} text @param {{still?: boolean}} [how]  at once, without arriving */
  to (text, { still = false } = {}) {
    const grows = text.startsWith(this._text.slice(0, this._shown))
    if (text === this._text && !(still && this._shown < text.length)) return
    this._text = text
    if (still || this._calm?.matches || !grows) {
      this.stop()
      this._shown = text.length
      this._node.textContent = text
      return
    }
    this._timer ??= setInterval(() => this._step(), BEAT)
  }

  stop () {
    clearInterval(this._timer)
    this._timer = null
  }

  _step () {
    if (this._shown >= this._text.length) return this.stop()
    const until = further(this._shown, this._text)
    const piece = document.createElement('span')
    piece.textContent = this._text.slice(this._shown, until)
    this._node.append(piece)
    this._shown = until
  }
}
