/** An error without a job in a sentence, and whether trying again may help: pure. */

import { ApiError, NotFound, Unauthorized } from '../prompt-queue.js'
import { Unreadable } from './fields.js'
import { NotAllowed } from './line.js'
import { filled } from './strings.js'

/**
 * @param {unknown} error @param {(name: string) => string} text @param {string} origin  of the page
 * @returns {{sentence: string, code: string, retryable?: boolean} | null}  null for one that nobody foresaw
 */
export function explained (error, text, origin) {
  if (error instanceof Unreadable) return { sentence: text(error.name), code: error.name, retryable: false }
  if (error instanceof NotAllowed) return { sentence: filled(text('not-allowed'), { origin }), code: 'not_allowed' }
  if (!(error instanceof ApiError)) return null
  const { code } = error
  if (error instanceof Unauthorized && error.status === 401) return { sentence: text('signed-out'), code }
  return { sentence: error.detail ?? error.message, code, retryable: error.retryable || error instanceof NotFound }
}
