/** The button in each of its states, drawn from made-up jobs by the same functions that draw real ones. */

import { initial, next } from '../generate/machine.js'
import { build, draw } from '../generate/parts.js'
import { STRINGS } from '../generate/strings.js'
import { styleSheet } from '../generate/style.js'
import { wordsOf } from '../generate/wording.js'
import { el } from '../shared/dom.js'

const TARGET = '/samples/astronaut.jpg'
const PROMPT = 'Recolour the silver areas of the suit with the warm terracotta of reference image 1. Keep the pose, the ' +
  'expression and the light from the top as they are.'
const IDS = { promptJobId: 'p', targetUrl: TARGET }
const queued = { ...IDS, status: 'queued', position: 3, estimatedWaitTime: 24 }
const looking = { ...IDS, status: 'processing', position: null, estimatedWaitTime: 9 }
const writing = { ...looking, partialPrompt: PROMPT.slice(0, 71), estimatedWaitTime: 4 }
const done = { ...IDS, status: 'completed', generatedPrompt: PROMPT, source: 'model', standIn: true }
const painting = { jobId: 'j', status: 'running', prompt: PROMPT, estimatedWaitTime: 14 }
const painted = {
  jobId: 'j', status: 'succeeded', prompt: PROMPT, standIn: true, count: 1,
  pictures: [{ url: '/samples/coffee.jpg', thumbnailUrl: null, width: 600, height: 400 }]
}
const failure = (errorCode, error) => ({ ...IDS, status: 'failed', errorCode, error })
const heard = (type, job, wishes) => ({ type, job, wishes, at: 1000 })
const STARTED = { type: 'started', at: 0, targetUrl: TARGET }
const EXISTING = { minQuality: 'model', existingPrompt: 'Make it warmer.' }

const SHOWN = [
  ['Idle', 'prompt', []],
  ['Not now', 'prompt', [], { disabled: true }],
  ['Sending', 'prompt', [STARTED]],
  ['Queued', 'prompt', [STARTED, heard('prompt', queued)]],
  ['Queued, and held up', 'prompt', [STARTED, heard('prompt', { ...queued, waitingReason: { code: 'rate_gate' } })]],
  ['Looking', 'prompt', [STARTED, heard('prompt', queued), heard('prompt', looking)]],
  ['Writing', 'prompt', [STARTED, heard('prompt', writing)]],
  ['Offline', 'prompt', [STARTED, heard('prompt', writing), { type: 'line', up: false }]],
  ['Cancelling', 'prompt', [STARTED, heard('prompt', looking), { type: 'cancelling' }]],
  ['Cancelled', 'prompt', [STARTED, heard('prompt', queued), { type: 'cancelled' }]],
  ['Done', 'prompt', [STARTED, heard('prompt', done)]],
  ['Done, by a template', 'prompt', [STARTED, heard('prompt', { ...done, source: 'template', standIn: false })]],
  ['Failed, may pass', 'prompt', [STARTED, heard('prompt', failure('provider_unavailable', 'Grok could not be reached; please try again later.'), EXISTING)]],
  ['Refused', 'prompt', [STARTED, heard('prompt', failure('refused', 'Grok declined this request because of its usage guidelines.'))]],
  ['In your own words', 'prompt', [STARTED, heard('prompt', failure('refused', ''))], { editing: true }],
  ['Not signed in', 'prompt', [STARTED, { type: 'refused', code: 'unauthorized', sentence: STRINGS['signed-out'] }]],
  ['Rendering', 'picture', [STARTED, heard('prompt', done), heard('picture', painting)]],
  ['A picture', 'picture', [STARTED, heard('prompt', done), heard('picture', painted)]]
]

const text = name => STRINGS[name]

function shown ([caption, mode, events, { editing = false, disabled = false } = {}]) {
  const view = events.reduce(next, initial(mode))
  const nodes = build({ press () {}, cancel () {}, save: event => event.preventDefault(), leave () {} })
  const host = el('div', { state: view.state, role: 'group', 'aria-label': caption, style: { '--prompt-queue-width': '100%' } })
  const root = host.attachShadow({ mode: 'open' })
  root.adoptedStyleSheets = [styleSheet()]
  // The page would be told of every state at once.
  nodes.status.removeAttribute('role')
  root.append(nodes.press, nodes.card)
  if (editing) nodes.area.value = PROMPT
  draw(nodes, view, wordsOf(view, text, 1000), { text, act () {}, editing, disabled })
  return el('figure', {}, el('figcaption', {}, caption), host)
}

document.querySelector('#generate-states').append(...SHOWN.map(shown))
