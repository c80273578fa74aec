/** From the attributes of the element to the fields of a request: pure. */

const BANDS = { low: 2, normal: 5, high: 8, critical: 10 }
const PLAIN = {
  'target-url': 'targetUrl', 'existing-prompt': 'existingPrompt', instructions: 'userInstructions',
  'min-quality': 'minQuality', cache: 'cache'
}
const OF_PICTURES = { 'generation-model': 'generationModel' }
const NUMBERS = ['count', 'width', 'height']

/** Attributes that say what is asked for. */
export const FIELDS = [
  'row-id', 'ref-urls', 'priority', 'identity-consent', ...Object.keys(PLAIN), ...Object.keys(OF_PICTURES), ...NUMBERS
]

/** An attribute that cannot be read; `name` is the string that says so. */
export class Unreadable extends Error {
  /** @param {string} name */
  constructor (name) {
    super(name)
    this.name = name
  }
}

/**
 * What is sent. Throws Unreadable; what else is wrong with a value the server says better.
 * @param {(name: string) => string|null} get  an attribute @param {'prompt'|'picture'} mode
 * @returns {Record<string, any>}
 */
export function fieldsOf (get, mode) {
  const rowId = get('row-id')
  if (!rowId) throw new Unreadable('no-row')
  const fields = { rowId, stream: true }
  const known = mode === 'picture' ? { ...PLAIN, ...OF_PICTURES } : PLAIN
  for (const [attribute, name] of Object.entries(known)) if (get(attribute)) fields[name] = get(attribute)
  if (get('ref-urls')?.trim()) fields.refUrls = references(get('ref-urls'))
  if (get('priority')) fields.priority = BANDS[get('priority').toLowerCase()] ?? number(get('priority'))
  if (get('identity-consent') !== null) fields.identityConsent = get('identity-consent') !== 'false'
  if (mode === 'picture') {
    fields.useAiPrompt = true
    for (const name of NUMBERS) if (get(name)) fields[name] = number(get(name))
  } else if (fields.existingPrompt) fields.operation = 'enhance'
  return fields
}

/** The same request with a prompt of one's own, which is taken as it is. @param {Record<string, any>} fields */
export function withOwnPrompt (fields, prompt) {
  const { useAiPrompt, stream, minQuality, existingPrompt, userInstructions, cache, ...rest } = fields
  return { ...rest, prompt }
}

function references (text) {
  const trimmed = text.trim()
  if (!trimmed.startsWith('[')) return trimmed.split(/\s+/)
  try {
    return JSON.parse(trimmed)
  } catch {
    throw new Unreadable('bad-refs')
  }
}

/** As a number where it is one; else as it is, for the server's sentence about it. */
const number = text => text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
