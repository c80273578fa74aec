/**
 * Elements from plain values. Text stays text: nothing here reads markup, so nothing can bring any in. Addresses pass
 * `address.js` on their way; one that is not fit is left out.
 */

import { imageAddress, linkAddress } from './address.js'

const JUDGES = { href: linkAddress, src: imageAddress }

/**
 * An element. Properties that begin with `on` are listeners, `class` and `data-`, `aria-` and the like are attributes;
 * `true` sets an attribute without a value, `false`, `null` and `undefined` leave it out.
 * @param {string} name @param {Record<string, any>} [attributes] @param {...any} children
 * @returns {HTMLElement}
 */
export function el (name, attributes = {}, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value)
    else if (key === 'style') for (const [property, said] of Object.entries(value)) node.style.setProperty(property, said)
    else if (value === true) node.setAttribute(key, '')
    else if (value !== false) put(node, key, value)
  }
  node.append(...children.flat().filter(child => child != null && child !== false))
  return node
}

/** Sets an attribute; takes it away where there is no value, or an address that is not fit. @param {Element} node */
export function put (node, name, value) {
  const fit = Object.hasOwn(JUDGES, name) && value != null ? JUDGES[name](value) : value
  if (fit == null) node.removeAttribute(name)
  else node.setAttribute(name, fit)
}

const SVG = 'http://www.w3.org/2000/svg'

/** The same for drawings. @returns {SVGElement} */
export function svg (name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value)
    else if (value !== false) put(node, key, value)
  }
  node.append(...children.flat().filter(child => child != null && child !== false))
  return node
}

/** Puts the children in the place of what was there. @param {Element} node */
export function fill (node, ...children) {
  node.replaceChildren(...children.flat().filter(child => child != null && child !== false))
  return node
}

/** Says something for a few seconds, to eyes and to screen readers. */
export function say (sentence, seconds = 6) {
  const toast = el('div', { class: 'toast' }, sentence)
  document.querySelector('.toasts').append(toast)
  setTimeout(() => toast.remove(), seconds * 1000)
}

/**
 * Asks before something is done; `ask` wants a reason as well. Resolves to null when it is left alone, else to the
 * reason ('' where none is asked for).
 * @returns {Promise<string | null>}
 */
export function confirm ({ title, sentence, yes, danger = false, ask = null }) {
  const reason = ask && el('input', { class: 'input', id: 'confirm-reason', maxlength: 500, autocomplete: 'off' })
  const dialog = el('dialog', { 'aria-labelledby': 'confirm-title' },
    el('form', { method: 'dialog', class: 'stack' },
      el('h2', { id: 'confirm-title' }, title),
      sentence && el('p', { class: 'soft' }, sentence),
      reason && el('div', { class: 'field' }, el('label', { for: 'confirm-reason' }, ask), reason),
      el('div', { class: 'row' },
        el('button', { class: 'button', value: '' }, 'Leave it'),
        el('button', { class: `button ${danger ? 'danger' : 'primary'}`, value: 'yes' }, yes))))
  document.body.append(dialog)
  dialog.showModal()
  dialog.querySelector('[value=yes]').focus()
  reason?.focus()
  return new Promise(resolve => dialog.addEventListener('close', () => {
    resolve(dialog.returnValue === 'yes' ? reason?.value.trim() ?? '' : null)
    dialog.remove()
  }))
}
