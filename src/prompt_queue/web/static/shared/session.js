/** Who sits in front of the page, and the client that speaks for them. */

import { ApiError, PromptQueue, PromptQueueError, Unauthorized } from '../prompt-queue.js'
import { el } from './dom.js'

const PLACE = 'prompt-queue.token'

/** The token of this tab, or '', as for one that no header can carry. */
export function token () {
  const kept = sessionStorage.getItem(PLACE) ?? ''
  return /^[!-~]*$/.test(kept) ? kept : ''
}

/** The client of this page; with the token of this tab where there is one. */
export const queue = new PromptQueue({ baseUrl: location.origin, token })

/** The header that says who it is, for requests that do not go through the client. */
export function identity () {
  const known = token()
  return known ? { Authorization: `Bearer ${known}` } : {}
}

let asking = null

/**
 * Does something with the client; asks who it is where the server wants to know, and does it once more.
 * @template T @param {(queue: PromptQueue) => Promise<T>} deed @returns {Promise<T>}
 */
export async function as (deed) {
  try {
    return await deed(queue)
  } catch (error) {
    if (!(error instanceof Unauthorized) || error.status !== 401) throw error
    asking ??= signIn().finally(() => { asking = null })
    await asking
    return deed(queue)
  }
}

/** A sentence for a person about what went wrong. */
export function sentence (error) {
  if (error instanceof ApiError) return error.detail ?? error.message
  if (error instanceof PromptQueueError) return 'The server cannot be reached; it is tried again by itself.'
  return 'Something went wrong on this page; load it again.'
}

/** Forgets the token of this tab. */
export const signOut = () => sessionStorage.removeItem(PLACE)

function signIn () {
  const input = el('input', { class: 'input', id: 'token', type: 'password', autocomplete: 'off', required: true })
  const dialog = el('dialog', { 'aria-labelledby': 'sign-in' },
    el('form', { method: 'dialog', class: 'stack' },
      el('h2', { id: 'sign-in' }, 'Sign in'),
      el('p', { class: 'soft small' }, 'With an API key, or with the access token of your account. It is kept in this tab alone.'),
      el('div', { class: 'field' }, el('label', { for: 'token' }, 'Key or token'), input),
      el('div', { class: 'row' }, el('button', { class: 'button primary' }, 'Sign in'))))
  dialog.addEventListener('cancel', event => event.preventDefault())
  document.body.append(dialog)
  dialog.showModal()
  return new Promise(resolve => dialog.addEventListener('close', () => {
    sessionStorage.setItem(PLACE, input.value.trim())
    dialog.remove()
    resolve()
  }))
}
