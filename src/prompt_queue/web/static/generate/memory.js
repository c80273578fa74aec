/**
 * What this tab remembers of a button's last job, so that a reload finds it. A hint and no more: the server is asked.
 * Where a browser keeps nothing, nothing is kept.
 */

const PREFIX = 'prompt-queue.generate'

export class Memory {
  /** @param {string} api @param {string} mode @param {string|null} rowId */
  constructor (api, mode, rowId) {
    this._place = [PREFIX, api, mode, rowId].join(' ')
  }

  /** @returns {Record<string, any> | null} */
  read () {
    try {
      const found = JSON.parse(sessionStorage.getItem(this._place))
      return found !== null && typeof found === 'object' ? found : null
    } catch {
      return null
    }
  }

  /** @param {Record<string, any>} facts */
  write (facts) {
    try {
      sessionStorage.setItem(this._place, JSON.stringify(facts))
    } catch {}
  }

  clear () {
    try {
      sessionStorage.removeItem(this._place)
    } catch {}
  }
}
