/** The pictures of a job: what it was given, and what was made. */

import { linkAddress, ownPath } from '../shared/address.js'
import { el } from '../shared/dom.js'
import { state } from '../shared/format.js'

/** @param {{kind: string, job: Record<string, any>}} found @returns {HTMLElement | null} */
export function picturesOf ({ kind, job }) {
  const all = kind === 'prompt'
    ? [['Target', job.targetUrl], ...(job.refUrls ?? []).map((url, index) => [`Reference ${index + 1}`, url])]
    : (job.pictures ?? []).map(one =>
      [`Picture ${one.number}: ${state(one.status)}`, one.thumbnailUrl ?? one.url, one.url])
  if (!all.length) return null
  return el('div', { class: 'pictures' }, all.map(([caption, url, whole]) => picture(caption, url, whole ?? url)))
}

/** Pictures of other hosts are named and not loaded: the page asks nobody but its own server. */
function picture (caption, url, whole) {
  const own = ownPath(url)
  const shown = own
    ? el('img', { src: own, alt: caption, loading: 'lazy',
      onerror: event => event.target.replaceWith(blank('It cannot be shown any more.')) })
    : blank(url ? 'On another host' : 'Not there yet')
  const address = linkAddress(whole)
  return el('figure', {}, shown, el('figcaption', { class: 'tiny soft' }, caption,
    address && [' ', el('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, 'Open',
      el('span', { class: 'only-read' }, ` ${caption}`))]))
}

const blank = words => el('div', { class: 'blank tiny soft' }, words)
