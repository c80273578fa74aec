/** The right half of a sheet, a panel for each stage; all of it without a thought of its own. */

import { ownPath } from '../shared/address.js'
import { el, put, say } from '../shared/dom.js'
import { actionsAfter, originOf } from './stage.js'

/** @typedef {Record<string, (event: Event) => void>} Deeds */

const button = (name, onclick, kind = '') => el('button', { class: `button ${kind}`, type: 'button', onclick }, name)

let number = 0

/** While something is on its way. @param {Deeds} deeds */
export function waitingPanel ({ cancel }) {
  const progress = el('pq-progress')
  const stop = button('Cancel', cancel)
  return { node: el('div', { class: 'stack' }, progress, el('div', { class: 'row' }, stop)), progress, stop }
}

/**
 * A prompt to read, to edit and to accept; also the place for one by hand.
 * @param {Deeds} deeds
 * @param {boolean} makesPictures
 */
export function promptPanel ({ accept, improve, again, change, copy, edited }, makesPictures) {
  const id = `prompt-${++number}`
  const label = el('label', { for: id }, 'The prompt')
  const text = el('textarea', { class: 'input prompt-text', id, maxlength: 2000, 'aria-describedby': `${id}-origin`,
    oninput: edited })
  const origin = el('p', { class: 'hint', id: `${id}-origin` })
  const yes = button(makesPictures ? 'Make the picture' : 'Copy the prompt', makesPictures ? accept : copy, 'primary')
  const more = el('div', { class: 'row wrap' }, yes, button('Improve it', improve), button('Ask again', again),
    button('Start over', change, 'quiet'))
  const own = button('Use this prompt', accept, 'primary')
  const write = el('div', { class: 'row wrap', hidden: true }, own, button('Start over', change, 'quiet'))
  const feedback = el('pq-feedback')
  const node = el('div', { class: 'stack' }, el('div', { class: 'field prompt-field' }, label, text, origin,
    makesPictures && button('Copy', copy, 'quiet small')), more, write, feedback)
  return {
    node,
    text,
    show (promptId, prompt, isWriting) {
      label.textContent = isWriting ? 'Your own prompt' : 'The prompt'
      origin.textContent = isWriting
        ? 'Say what is to be done to the photograph, in a sentence or two.'
        : `${originOf(prompt)} You can change it.`
      more.hidden = feedback.hidden = isWriting
      write.hidden = !isWriting
      if (!isWriting) feedback.show(`/api/prompt/queue/${promptId}/feedback`, 'Is it a good prompt?', prompt.feedback)
    }
  }
}

/**
 * Puts a text into the clipboard, or selects it where the browser does not let a page do that.
 * @param {HTMLTextAreaElement} text
 */
export async function copy (text) {
  try {
    await navigator.clipboard.writeText(text.value)
    say('Copied.')
  } catch {
    text.select()
    say('The prompt is selected; copy it with Ctrl-C.')
  }
}

/** After a failure: a sentence, and what makes sense now. @param {Deeds} deeds */
export function failurePanel ({ retry, write, edit, change }) {
  const words = el('p', { class: 'failure-words', tabindex: '-1' })
  const buttons = {
    retry: button('Try again', retry, 'primary'),
    write: button('Write the prompt yourself', write),
    edit: button('Change the prompt', edit),
    change: button('Change pictures or words', change)
  }
  const node = el('div', { class: 'stack' }, el('div', { class: 'notice bad', role: 'alert' }, words),
    el('div', { class: 'row wrap' }, Object.values(buttons)))
  return {
    node,
    words,
    show (jobs) {
      words.textContent = (jobs.picture ?? jobs.prompt).error ?? 'It did not work.'
      const offered = actionsAfter(jobs)
      for (const [name, one] of Object.entries(buttons)) {
        one.hidden = !offered.includes(name)
        one.classList.toggle('primary', name === offered[0])
      }
    }
  }
}

/** The picture is there. @param {Deeds} deeds */
export function donePanel ({ edit, change }) {
  const open = el('a', { class: 'button primary', target: '_blank', rel: 'noopener' }, 'Open the picture')
  const prompt = el('p', { class: 'done-prompt' })
  const feedback = el('pq-feedback')
  const node = el('div', { class: 'stack' },
    el('div', {}, el('p', { class: 'label small soft' }, 'Made with this prompt'), prompt), feedback,
    el('div', { class: 'row wrap' }, open, button('Change the prompt', edit), button('Start over', change, 'quiet')))
  return {
    node,
    show (picture, compare) {
      const made = picture.pictures.find(one => one.url)
      compare.show(ownPath(picture.targetUrl) ?? '', ownPath(made?.url) ?? '')
      put(open, 'href', ownPath(made?.url) ?? made?.url)
      prompt.textContent = picture.prompt
      feedback.show(`/api/jobs/${picture.jobId}/feedback?number=${made?.number ?? 1}`, 'Do you like the picture?',
        made?.feedback)
    }
  }
}

/** Nothing comes any more, because nobody wanted it. @param {Deeds} deeds */
export function cancelledPanel ({ change }) {
  const words = el('p', {}, 'Cancelled.')
  const again = button('Start over', change, 'primary')
  const node = el('div', { class: 'stack' }, el('div', { class: 'notice' }, words), el('div', { class: 'row' }, again))
  return { node, words, again }
}
