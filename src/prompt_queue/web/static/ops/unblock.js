/** What an operator can do for a job that waits. Pure: a reason and the state of the queue in, advice out. */

import { bandOf, pauseOf } from './bands.js'
import { quoted, time } from '../shared/format.js'

/**
 * @typedef {object} Act  A button.
 * @property {'resume'|'close'|'limits'|'budget'|'hasten'} does
 * @property {string} label
 * @property {string} [model]
 * @property {{from: number, to: number}} [priorities]
 */

/**
 * @typedef {object} Advice
 * @property {string} title  why it waits, in a few words
 * @property {string} words  what would let it go on
 * @property {Act[]} acts
 * @property {Array<{label: string, href: string}>} links
 * @property {string | null} command  to be run on a machine
 */

/**
 * @param {{code: string, detail: string, until: string | null}} reason
 * @param {{kind: string, priority: number, userId: string, errorCode: string | null, promptJobId: string | null}} job
 * @param {Record<string, any>} overview
 * @returns {Advice}
 */
export function adviceFor (reason, job, overview) {
  const advise = ADVICE[reason.code]
  const found = advise ? advise(reason, job, overview) : { title: 'It waits', words: 'It goes on by itself.' }
  return { acts: [], links: [], command: null, ...found }
}

const AT_WORK = { prompt: 'processing', picture: 'running' }
const ADVICE = {
  position: (_, job, overview) => ({
    title: 'Others come first',
    words: slotsOf(overview) + ' Those before it can be looked at, and cancelled where nobody needs them.',
    links: [
      { label: 'Jobs at work', href: `/ops/jobs?kind=${job.kind}&status=${AT_WORK[job.kind]}` },
      { label: 'Jobs that wait', href: `/ops/jobs?kind=${job.kind}&status=queued` }
    ],
    command: 'prompt-queue work'
  }),

  user_cap: (_, job) => ({
    title: 'Its user has enough jobs at work',
    words: 'It starts when one of them ends, or is cancelled. PROMPT_QUEUE_USER_IN_FLIGHT_CAP is the number.',
    links: [{
      label: 'Jobs of this user that are at work',
      href: `/ops/jobs?kind=prompt&status=processing&userId=${job.userId}`
    }]
  }),

  rate_gate: (_, job, { models }) => {
    const limited = models.filter(one => one.limitedSeconds > 0)
    const asked = limited.length ? limited : models.filter(one => one.requestsPerSecond != null)
    return {
      title: 'The rate limit is reached',
      words: limited.length
        ? 'The provider asked us to slow down. A new limit counts with the next call of every worker.'
        : 'A higher limit lets it go on sooner; the provider has the last word on what is too much.',
      acts: asked.map(one => ({ does: 'limits', label: `Change the limits of ${one.model}`, model: one.model })),
      links: [{ label: 'Models and their limits', href: '/ops/models' }]
    }
  },

  breaker_open: (_, job, { models }) => ({
    title: 'The model does not work',
    words: job.errorCode === 'misconfigured'
      ? 'The provider refuses the key or the model: mend the settings, restart the workers, and close the breaker.'
      : 'Its circuit breaker is open, so nobody asks it. Close it once the provider works again.',
    acts: models.filter(one => one.breaker !== 'closed')
      .map(one => ({ does: 'close', label: `Close the breaker of ${one.model}`, model: one.model })),
    links: [{ label: 'Models and their breakers', href: '/ops/models' }]
  }),

  backoff: reason => ({
    title: 'It rests after a failure',
    words: reason.until ? `It is tried again at ${time(reason.until)}, or now.`
      : 'It is tried again by itself, or now.',
    acts: [{ does: 'hasten', label: 'Try now' }]
  }),

  paused: (_, job, { paused }) => {
    const band = pauseOf(job.priority, paused.priorities)
    const acts = paused.models.map(one => ({ does: 'resume', label: `Resume ${one.model}`, model: one.model }))
    if (band) {
      const priorities = { from: band.from, to: band.to }
      acts.unshift({ does: 'resume', label: `Resume ${bandOf(band)} priority`, priorities })
    }
    if (paused.queue) acts.unshift({ does: 'resume', label: 'Resume the queue' })
    const by = paused.queue ?? band ?? paused.models[0]
    const why = by?.reason ? ` and said: ${quoted(by.reason)}` : ''
    const words = by ? `${by.actor} paused it at ${time(by.since)}${why}.` : 'Resume lets it go on.'
    return { title: 'It is paused', words, acts }
  },

  budget: (_, job, { models }) => {
    const closed = models.filter(one => one.breaker !== 'closed')
      .map(one => ({ does: 'close', label: `Close the breaker of ${one.model}`, model: one.model }))
    const now = [{ does: 'hasten', label: 'Try now' }]
    if (job.errorCode === 'out_of_credit') {
      return {
        title: 'The provider’s account is empty',
        words: 'Fill the account in the provider’s console. Then all goes on by itself, or at once by this button.',
        acts: closed.length ? closed : now
      }
    }
    if (job.errorCode === 'user_budget') {
      return {
        title: 'Its user’s budget for today is used up',
        words: 'It goes on by itself tomorrow (UTC), or at once with a higher budget.',
        acts: [{ does: 'budget', label: 'Change the budget' }]
      }
    }
    return {
      title: 'Retries are rationed',
      words: 'So much fails that retries wait for successes. Look at the models first; it may also be tried now.',
      acts: now,
      links: [{ label: 'Models', href: '/ops/models' }]
    }
  },

  no_worker: () => ({
    title: 'No worker runs',
    words: 'Start one on any machine that reaches the database; it takes this job by itself.',
    command: 'prompt-queue work'
  }),

  waiting_prompt: (_, job) => ({
    title: job.kind === 'picture' ? 'Its prompt is not there yet' : 'An identical request is being answered',
    words: job.kind === 'picture' ? 'The job of the prompt says what it waits for.'
      : 'It gets the same prompt, at no cost.',
    links: job.promptJobId ? [{ label: 'The job of its prompt', href: `/ops/jobs/${job.promptJobId}` }] : []
  })
}

function slotsOf ({ workers }) {
  const slots = workers.reduce((sum, one) => sum + one.slots, 0)
  const busy = workers.reduce((sum, one) => sum + one.busy, 0)
  return `${busy} of ${slots} slots are busy; another worker adds more.`
}
