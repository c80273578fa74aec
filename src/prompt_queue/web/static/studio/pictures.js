/** Pictures on their way in: what is taken, and what is said of what is not. */

import { ownPath } from '../shared/address.js'
import { as } from '../shared/session.js'

export const TYPES = 'image/jpeg,image/png,image/webp'
export const MOST_REFERENCES = 16

/** @typedef {{url: string | null, shown: string, file?: File, wrong?: string}} Picture */

/**
 * Why a file cannot be used, or null.
 * @param {{name: string, type: string, size: number}} file @param {number} mostBytes
 */
export function refusal ({ name, type, size }, mostBytes) {
  if (!TYPES.split(',').includes(type)) {
    return `${name || 'This'} is not a JPEG, PNG or WebP. Save it as one of these and try again.`
  }
  if (size > mostBytes) {
    const [found, most] = [size, mostBytes].map(megabytes)
    return `${name || 'This picture'} has ${found}; at most ${most} fit. Make it smaller and try again.`
  }
  return null
}

/** Stores a picture; resolves to its address. @param {File} file @returns {Promise<string>} */
export const store = async file => (await as(queue => queue.upload(file))).url

/** The files of a drop or a paste. @param {DataTransfer | null} transfer @returns {File[]} */
export const filesOf = transfer => [...transfer?.files ?? []]

/** A picture that the server has. @param {string} url @returns {Picture} */
export const known = url => ({ url, shown: ownPath(url) ?? '' })

const megabytes = bytes => `${(bytes / 1024 / 1024).toFixed(bytes < 10485760 ? 1 : 0)} MB`.replace('.0 ', ' ')
