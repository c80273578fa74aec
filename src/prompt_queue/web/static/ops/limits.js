/** Limits of a model and of a user, each changed in a dialog. */

import { el, say } from '../shared/dom.js'
import { usd } from '../shared/format.js'
import { sentence } from '../shared/session.js'
import { WHY, done, stood } from './acts.js'
import * as api from './api.js'

/** @param {Record<string, any>} model as the overview has it @returns {Promise<boolean>} whether it was done */
export async function changeLimits ({ model, requestsPerSecond, tokensPerMinute }) {
  const asked = await ask({
    title: `Limits of ${model}`,
    words: 'They count with the next call of every worker, and settings do not change them any more.',
    numbers: [['Requests a second', requestsPerSecond], ['Tokens a minute', tokensPerMinute]],
    yes: 'Change the limits',
    why: true
  })
  if (!asked) return false
  const [rps, tpm] = asked.numbers
  return done(
    () => api.setLimits(model, { requestsPerSecond: rps, tokensPerMinute: tpm }, asked.reason),
    answer => stood(answer, 'these were the limits') ?? `${model} has new limits.`
  )
}

/** What a user may spend in a day; the other limits stay. @returns {Promise<boolean>} whether it was done */
export async function changeBudget (userId) {
  let found
  try {
    found = await api.userLimits(userId)
  } catch (error) {
    say(sentence(error), 10)
    return false
  }
  const asked = await ask({
    title: 'Budget of this user',
    words: `Spent today: ${usd(found.spentTodayUsd)}. Jobs that wait for money look again at once.`,
    numbers: [['US dollars a day', found.usdPerDay]],
    yes: 'Change the budget'
  })
  if (!asked) return false
  const { picturesPerDay, queued, requestsPerSecond } = found
  const limits = { usdPerDay: asked.numbers[0], picturesPerDay, queued, requestsPerSecond }
  return done(
    () => api.setUserLimits(userId, limits),
    answer => stood(answer, 'this was the budget') ?? 'The user has a new budget.'
  )
}

/** Numbers, and a reason; null where it is left alone. An empty number is null: no limit. */
async function ask ({ title, words, numbers, yes, why = false }) {
  const inputs = numbers.map(([, value], index) => el('input', {
    class: 'input', id: `limit-${index}`, type: 'number', min: 0, step: 'any', inputmode: 'decimal', value: value ?? ''
  }))
  const reason = el('input', { class: 'input', id: 'limit-why', maxlength: 500, autocomplete: 'off' })
  const dialog = el('dialog', { 'aria-labelledby': 'limits-title' },
    el('form', { method: 'dialog', class: 'stack' },
      el('h2', { id: 'limits-title' }, title),
      el('p', { class: 'soft' }, words),
      inputs.map((input, index) => field(numbers[index][0], input, 'Empty: no limit.')),
      why && field(WHY, reason),
      el('div', { class: 'row' },
        el('button', { class: 'button', value: '', formnovalidate: true }, 'Leave it'),
        el('button', { class: 'button primary', value: 'yes' }, yes))))
  document.body.append(dialog)
  dialog.showModal()
  await new Promise(resolve => dialog.addEventListener('close', resolve, { once: true }))
  dialog.remove()
  if (dialog.returnValue !== 'yes') return null
  return { numbers: inputs.map(input => input.value === '' ? null : Number(input.value)), reason: reason.value.trim() }
}

const field = (label, input, hint) => el('div', { class: 'field' },
  el('label', { for: input.id }, label), input, hint && el('span', { class: 'hint' }, hint))
