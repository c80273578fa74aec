/** The nodes of the button, made once, and brought to what a view says. They stay, so focus and selection do too. */

import { shownAddress } from '../shared/address.js'
import { el, fill, svg } from '../shared/dom.js'
import { isRunning } from './machine.js'
import { Reveal } from './reveal.js'

const SPARK = 'M12 3l1.7 5.1a3 3 0 0 0 1.9 1.9l5.1 1.7-5.1 1.7a3 3 0 0 0-1.9 1.9L12 20.4l-1.7-5.1' +
  'a3 3 0 0 0-1.9-1.9l-5.1-1.7 5.1-1.7a3 3 0 0 0 1.9-1.9z'

const BAR = [
  'role', 'aria-labelledby', 'aria-valuemin', 'aria-valuemax', 'aria-valuenow', 'aria-valuetext', 'aria-hidden'
]

const spark = () => svg('svg', { viewBox: '0 0 24 24', fill: 'currentColor', 'aria-hidden': 'true' },
  svg('path', { d: SPARK }))

/**
 * @param {Record<string, (event: Event) => void>} deeds  press, cancel, save, leave
 * @returns {Record<string, any>}
 */
export function build (deeds) {
  const nodes = { label: el('span') }
  nodes.press = el('button', { type: 'button', class: 'press main', part: 'button', onclick: deeds.press },
    spark(), nodes.label)
  nodes.thumb = el('span', { class: 'thumb', part: 'thumb' }, spark())
  nodes.title = el('p', { class: 'title', part: 'title', id: 'title', tabindex: -1 })
  nodes.detail = el('p', { class: 'detail', part: 'detail' })
  nodes.badge = el('span', { class: 'badge', part: 'badge', hidden: true })
  nodes.cancel = el('button', { type: 'button', class: 'leave', part: 'cancel', onclick: deeds.cancel })
  nodes.fill = el('i', { part: 'bar-fill' })
  nodes.bar = el('div', { class: 'bar', part: 'bar' }, nodes.fill)
  nodes.text = el('p', { class: 'text', part: 'prompt' })
  nodes.ghost = el('div', { class: 'ghost', 'aria-hidden': 'true' }, el('i'), el('i'), el('i'))
  nodes.prose = el('div', { class: 'prose' }, nodes.ghost, nodes.text)
  nodes.gallery = el('div', { class: 'gallery', part: 'gallery', hidden: true })
  nodes.note = el('p', { class: 'note', part: 'note' })
  nodes.meta = el('div', { class: 'meta' }, nodes.note, nodes.badge)
  nodes.body = el('div', { class: 'body', part: 'body' }, nodes.prose, nodes.gallery, nodes.meta)
  nodes.area = el('textarea', { id: 'own', part: 'textarea', maxlength: 2000, 'aria-describedby': 'own-wrong' })
  nodes.areaLabel = el('label', { for: 'own' })
  nodes.wrong = el('span', { class: 'wrong', id: 'own-wrong', part: 'error', role: 'alert' })
  nodes.save = el('button', { class: 'main', part: 'action action-own-save' })
  nodes.leave = el('button', {
    type: 'button', class: 'leave', part: 'action action-own-leave', onclick: deeds.leave
  })
  nodes.editor = el('form', { class: 'editor', part: 'editor', hidden: true, onsubmit: deeds.save },
    nodes.areaLabel, nodes.area, nodes.wrong, el('div', { class: 'row' }, nodes.save, nodes.leave))
  nodes.actions = el('div', { class: 'actions', part: 'actions' })
  nodes.card = el('div', { class: 'card', part: 'card', role: 'group', hidden: true },
    el('div', { class: 'head', part: 'head' },
      nodes.thumb, el('div', { class: 'says' }, nodes.title, nodes.detail), nodes.cancel),
    nodes.bar, nodes.body, nodes.editor, nodes.actions)
  nodes.status = el('p', { class: 'only-read', role: 'status' })
  nodes.reveal = new Reveal(nodes.text)
  nodes.drawn = {}
  return nodes
}

/**
 * @param {Record<string, any>} nodes  what `build` made
 * @param {import('./machine.js').View} view @param {import('./wording.js').Words} words
 * @param {{text: (name: string) => string, act: (action: string) => void, editing: boolean, disabled: boolean}} rest
 */
export function draw (nodes, view, words, { text, act, editing, disabled }) {
  const idle = view.state === 'idle'
  const running = isRunning(view)
  const { drawn } = nodes
  set(nodes.label, text('idle'))
  nodes.press.disabled = disabled
  nodes.press.hidden = !idle
  nodes.card.hidden = idle
  nodes.card.setAttribute('aria-label', text('region'))
  nodes.card.dataset.state = view.state
  nodes.card.toggleAttribute('data-busy', running && !view.offline)
  nodes.card.toggleAttribute('data-away', running && view.offline)
  set(nodes.title, words.title)
  set(nodes.detail, words.detail)
  set(nodes.badge, text('stand-in'))
  nodes.badge.hidden = !(view.state === 'done' && view.standIn)
  set(nodes.cancel, text('cancel'))
  nodes.cancel.hidden = !running || view.cancelling
  drawBar(nodes, view, words)
  drawThumb(nodes, view)
  nodes.body.hidden = !(running || view.state === 'done') || editing
  nodes.body.classList.toggle('picture', view.mode === 'picture')
  nodes.ghost.hidden = view.text !== '' || !running
  nodes.reveal.to(view.text, { still: !running })
  set(nodes.note, words.note)
  nodes.meta.hidden = words.note === '' && nodes.badge.hidden
  drawGallery(nodes, view, text)
  drawEditor(nodes, editing, text)
  const actions = editing || idle || running ? [] : view.actions
  if (drawn.actions !== actions.join() + actions.map(text).join()) {
    drawn.actions = actions.join() + actions.map(text).join()
    fill(nodes.actions, ...actions.map((action, index) => el('button', {
      type: 'button',
      class: index === 0 && view.state === 'failed' ? 'main' : '',
      part: `action action-${action}`,
      onclick: () => act(action)
    }, text(action))))
  }
  nodes.actions.hidden = actions.length === 0
  set(nodes.status, words.spoken)
}

function set (node, said) {
  if (node.textContent !== said) node.textContent = said
}

function drawBar (nodes, view, words) {
  const share = view.progress.toFixed(3)
  if (nodes.drawn.share !== share) nodes.fill.style.setProperty('--share', share)
  nodes.drawn.share = share
  // A bar is for what moves; afterwards it is a line.
  const said = isRunning(view)
    ? {
        role: 'progressbar',
        'aria-labelledby': 'title',
        'aria-valuemin': 0,
        'aria-valuemax': 100,
        'aria-valuenow': Math.round(view.progress * 100),
        'aria-valuetext': [words.title, words.detail].filter(Boolean).join(': ')
      }
    : { 'aria-hidden': 'true' }
  for (const name of BAR) {
    if (name in said) nodes.bar.setAttribute(name, said[name])
    else nodes.bar.removeAttribute(name)
  }
}

function drawThumb (nodes, view) {
  const address = shownAddress(view.targetUrl)
  if (nodes.drawn.thumb === address) return
  nodes.drawn.thumb = address
  fill(nodes.thumb, spark(), address && picture(address, ''))
}

function drawGallery (nodes, view, text) {
  const { drawn } = nodes
  const shown = view.mode === 'picture' && (view.pictures.length > 0 || isRunning(view))
  nodes.gallery.hidden = !shown
  const key = shown ? JSON.stringify([view.pictures, view.pictures.length || view.count, view.targetUrl]) : ''
  if (drawn.gallery === key) return
  drawn.gallery = key
  const target = shownAddress(view.targetUrl)
  const tiles = view.pictures.length > 0
    ? view.pictures.map((one, index) => el('a', {
      class: 'tile',
      part: 'picture',
      href: one.url,
      target: '_blank',
      rel: 'noopener',
      'aria-label': text('open').replace('{n}', index + 1)
    }, picture(one.url, text('picture-alt').replace('{n}', index + 1), one)))
    : Array.from({ length: view.count }, () => el('div',
      { class: 'tile waits', part: 'placeholder', 'aria-hidden': 'true' }, target && picture(target, '')))
  fill(nodes.gallery, ...(shown ? tiles : []))
}

function drawEditor (nodes, editing, text) {
  nodes.editor.hidden = !editing
  set(nodes.areaLabel, text('own-label'))
  set(nodes.save, text('own-save'))
  set(nodes.leave, text('own-leave'))
}

/** A picture that makes room for others where it cannot be loaded. */
function picture (src, alt, { width, height } = {}) {
  return el('img', { src, alt, width, height, decoding: 'async', onerror: event => event.target.remove() })
}
