/** The sheets of the studio in every stage, with made-up jobs. */

import { el } from '../shared/dom.js'
import '../studio/compare.js'
import '../studio/drop.js'
import '../studio/feedback.js'
import '../studio/form.js'
import '../studio/history.js'
import '../studio/progress.js'
import '../studio/references.js'
import { Sheet } from '../studio/sheet.js'

const WORDS = 'Recolour the orange suit of the target with the terracotta of reference image 1. Keep pose, light and framing.'
const AT = '2026-01-01T12:00:00Z'

const prompt = more => ({ status: 'completed', generatedPrompt: WORDS, source: 'model', model: 'grok', standIn: true,
  priority: 8, feedback: null, createdAt: AT, updatedAt: AT, ...more })
const picture = more => ({ promptStatus: 'completed', prompt: WORDS, priority: 8, createdAt: AT, updatedAt: AT,
  pictures: [], ...more })

/** Name, prompt job, picture job. */
const STAGES = [
  ['New', null, null],
  ['In line', prompt({ status: 'queued', position: 3, estimatedWaitTime: 24 }), null],
  ['Waits for something', prompt({ status: 'queued', position: 0, estimatedWaitTime: 120,
    waitingReason: { code: 'paused', detail: 'An operator has paused the queue.' } }), null],
  ['Being looked at', prompt({ status: 'processing', estimatedWaitTime: 9 }), null],
  ['Being written', prompt({ status: 'processing', estimatedWaitTime: 4,
    partialPrompt: 'Recolour the orange suit of the target with the' }), null],
  ['Prompt ready', prompt({}), null],
  ['Prompt from a template', prompt({ source: 'template', degraded: true,
    feedback: { verdict: 'down', reason: 'missed_the_point', text: 'The sky', updatedAt: AT } }), null],
  ['Prompt failed', prompt({ status: 'failed', errorCode: 'internal_error',
    error: 'Something went wrong on our side; the operator can find it in the log.' }), null],
  ['Refused', prompt({ status: 'failed', errorCode: 'refused',
    error: 'Grok declined this request because of its usage guidelines.' }), null],
  ['Cancelled', prompt({ status: 'cancelled' }), null],
  ['Picture on its way', prompt({}), picture({ status: 'running', estimatedWaitTime: 12 })],
  ['Picture failed', prompt({}), picture({ status: 'failed', errorCode: 'provider_unavailable',
    error: 'The picture service could not be reached; please try again later.' })],
  ['Done', prompt({}), picture({ status: 'succeeded',
    pictures: [{ number: 1, url: '/samples/coffee.jpg',
      feedback: { verdict: 'up', reason: 'as_wished', text: null, updatedAt: AT } }] })]
]

class DesignStudio extends HTMLElement {
  connectedCallback () {
    const samples = this.dataset.samples.split(' ')
    const facts = { base: location.origin, makesPictures: true, mostBytes: Number(this.dataset.mostBytes), samples }
    const target = `/samples/${samples[0]}`
    this.classList.add('stack')
    STAGES.forEach(([name, prompt, picture], at) => {
      const jobs = new Map([['prompt', prompt],
        ['picture', picture && { ...picture, jobId: 'picture', targetUrl: target }]])
      const hub = { job: id => jobs.get(id), follow () {}, async look () {} }
      const hint = prompt ? { target, refs: [`/samples/${samples[2]}`], words: 'Make the suit red', promptId: 'prompt',
        pictureId: picture && 'picture' } : {}
      const sheet = new Sheet().begin({ hub, facts, hint })
      sheet.setNumber(at + 1)
      this.append(el('p', { class: 'small soft' }, name), sheet)
    })
    const empty = el('pq-history')
    const away = el('pq-history')
    this.append(empty, away)
    empty.show([])
    away.fail(new Error('away'))
  }
}

customElements.define('pq-design-studio', DesignStudio)
