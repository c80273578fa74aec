/** Which addresses a page may follow and show: the one place that judges them. All pure, and none throws. */

const PAGE = () => globalThis.location?.href ?? 'http://localhost/'
const SHOWN = /^(?:https?:|blob:|data:image\/)/i

/** An address read as browsers read it; null for what is none. @returns {URL | null} */
function read (url) {
  try {
    return typeof url === 'string' ? new URL(url, PAGE()) : null
  } catch {
    return null
  }
}

/** What a click may open: nothing but http and https. @param {unknown} url @returns {string | null} as it was given */
export const linkAddress = url => /^https?:$/.test(read(url)?.protocol) ? url : null

/** What an `<img>` may show: the same, and the page's own pictures. @param {unknown} url @returns {string | null} */
export const imageAddress = url => SHOWN.test(read(url)?.href) ? url : null

/** A whole address, or one from the root, of an `<img>`; paths of a private bucket are none. */
export const shownAddress = url =>
  typeof url === 'string' && /^(?:[a-z]+:|\/)/i.test(url.trim()) ? imageAddress(url) : null

/**
 * An address of this server as a path, whatever name it was opened under; null for what lies elsewhere, which the
 * policy of a page does not show. Two slashes at its start would name another host.
 * @param {unknown} url @returns {string | null}
 */
export function ownPath (url) {
  const found = read(url)
  if (!found || !linkAddress(url) || url === '') return null
  const isOwn = found.origin === read(PAGE()).origin || /^\/(files|samples)\//.test(found.pathname)
  return isOwn ? found.pathname.replace(/^\/+/, '/') : null
}
