/** `<pq-ops-job>`: everything about one job, and what can be done for it. */

import { hasEnded } from '../prompt-queue.js'
import { el, fill } from '../shared/dom.js'
import { band, count, state, time, tone, usd } from '../shared/format.js'
import { sentence } from '../shared/session.js'
import { closeBreaker, onJobs, replay, resume } from './acts.js'
import { readJob } from './api.js'
import { refresh } from './feed.js'
import { changeBudget, changeLimits } from './limits.js'
import { badge, link, shortId, write } from './parts.js'
import { picturesOf } from './job-pictures.js'
import { timelineList } from './timeline.js'
import { adviceOf, whyCard } from './why.js'

export class PqOpsJob extends HTMLElement {
  /** @param {boolean} mayAct whether buttons are shown */
  build (mayAct) {
    this._mayAct = mayAct
    this._title = el('h1', {}, 'Job')
    this._badge = el('span', { class: 'badge' })
    this._acts = el('div', { class: 'row wrap' })
    this._wrong = el('div', { class: 'notice bad', role: 'alert', hidden: true })
    this._loading = el('div', { class: 'stack', hidden: true, 'aria-hidden': 'true' },
      [1, 2, 3].map(() => el('div', { class: 'shimmer tall-line' })))
    this._why = whyCard(mayAct && (act => this._after(this._do(act))))
    this._words = el('section', { class: 'panel', 'aria-labelledby': 'words-title' })
    this._pictures = el('section', { class: 'panel', 'aria-labelledby': 'pictures-title' })
    this._facts = el('section', { class: 'panel', 'aria-labelledby': 'facts-title' })
    this._story = timelineList(mayAct && replay)
    this._whole = el('div', { class: 'job-page', hidden: true },
      el('div', { class: 'stack' }, this._why.node, this._words, this._pictures,
        el('section', { class: 'panel', 'aria-labelledby': 'story-title' },
          el('h2', { id: 'story-title' }, 'What happened'), this._story.node)),
      el('div', { class: 'stack' }, this._facts))
    this.append(el('p', { class: 'small' }, link('/ops/jobs', 'All jobs')),
      el('div', { class: 'row wrap job-head' }, this._title, this._badge, el('span', { class: 'grow' }), this._acts),
      this._wrong, this._loading, this._whole)
    return this
  }

  /** @param {string} id */
  open (id) {
    this._id = id
    this._found = null
    this._whole.hidden = true
    write(this._title, `Job ${id.slice(0, 8)}…${id.slice(-4)}`)
    this._title.title = id
    this._load()
  }

  /** After each look at the queue. @param {Record<string, any>} overview */
  show (overview) {
    this._overview = overview
    if (!this._found || !hasEnded(this._found.job)) this._load()
    else this._draw()
  }

  async _load () {
    const asking = this._asking = {}
    const slow = setTimeout(() => { this._loading.hidden = this._found !== null }, 200)
    try {
      const found = await readJob(this._id)
      if (asking !== this._asking) return
      // What stops it stands in the overview, which may be older than the job.
      const stopped = found.waitingReason?.code
      if (stopped && stopped !== this._found?.waitingReason?.code) refresh()
      this._found = found
      this._wrong.hidden = true
    } catch (error) {
      if (asking !== this._asking) return
      this._wrong.hidden = false
      write(this._wrong, error.status === 404 ? `There is no job ${this._id}; it may have been deleted.`
        : sentence(error))
    } finally {
      clearTimeout(slow)
      if (asking === this._asking) {
        this._loading.hidden = true
        this._draw()
      }
    }
  }

  _draw () {
    if (!this._found) return
    const drawn = JSON.stringify([this._found, adviceOf(this._found, this._overview)])
    if (drawn === this._drawn) return
    this._drawn = drawn
    const { job, kind } = this._found
    this._whole.hidden = false
    write(this._title, `${kind === 'prompt' ? 'Prompt' : 'Picture'} ${this._id.slice(0, 8)}…${this._id.slice(-4)}`)
    this._badge.className = `badge ${tone(job.status)}`
    write(this._badge, state(job.status))
    this._drawActs(job)
    this._why.show(this._found, this._overview)
    fill(this._words, ...wordsOf(this._found))
    const pictures = picturesOf(this._found)
    this._pictures.hidden = !pictures
    if (pictures) fill(this._pictures, el('h2', { id: 'pictures-title' }, 'Pictures'), pictures)
    fill(this._facts, el('h2', { id: 'facts-title' }, 'Facts'), factsOf(this._found))
    this._story.show(this._found)
  }

  _drawActs (job) {
    if (!this._mayAct) return
    const wanted = job.status === 'failed' ? 'retry' : hasEnded(job) ? null : 'cancel'
    if (this._acts.dataset.wanted === String(wanted)) return
    this._acts.dataset.wanted = String(wanted)
    fill(this._acts, wanted && el('button', {
      class: `button ${wanted === 'retry' ? 'primary' : 'danger'}`,
      type: 'button',
      onclick: () => this._after(onJobs(wanted, [this._id]))
    }, wanted === 'retry' ? 'Try again' : 'Cancel the job'))
  }

  _do (act) {
    if (act.does === 'resume') return resume(only(act, ['model', 'priorities']))
    if (act.does === 'close') return closeBreaker(act.model)
    if (act.does === 'budget') return changeBudget(this._found.userId)
    if (act.does === 'hasten') return onJobs('hasten', [this._id])
    return changeLimits(this._overview.models.find(one => one.model === act.model))
  }

  async _after (doing) { if (await doing) await this._load() }
}

const only = (found, names) => Object.fromEntries(names.filter(name => found[name]).map(name => [name, found[name]]))

function wordsOf ({ job, kind }) {
  const text = kind === 'prompt' ? job.generatedPrompt ?? job.partialPrompt : job.prompt ?? job.partialPrompt
  return [
    el('h2', { id: 'words-title' }, 'Prompt'),
    job.error && el('p', { class: 'notice bad' }, job.error),
    text ? el('p', { class: 'prompt-text' }, text) : el('p', { class: 'soft small' }, 'There is none yet.')
  ]
}

function factsOf (found) {
  const { job, kind, userId, costUsd, receipts, dependents, promptJobId } = found
  const facts = [
    ['Priority', `${job.priority} · ${job.priorityBand ?? band(job.priority)}`],
    ['Model', job.model ?? job.generationModel ?? '–'],
    kind === 'prompt' && ['Source', job.source ?? '–'],
    ['Cost', receipts?.unresolved ? `${usd(costUsd)}, ${count(receipts.unresolved)} without an answer` : usd(costUsd)],
    ['Calls', count(receipts?.calls ?? found.timeline.calls.length)],
    kind === 'prompt' && ['Failures', `${job.retryCount} of ${job.maxRetries} retries`],
    ['Created', time(job.createdAt)],
    job.startedAt && ['Started', time(job.startedAt)],
    job.completedAt && ['Ended', time(job.completedAt)],
    ['User', link(`/ops/jobs?userId=${userId}`, shortId(userId))],
    job.rowId && ['Row', link(`/ops/jobs?rowId=${job.rowId}`, shortId(job.rowId))],
    promptJobId && ['Its prompt', link(`/ops/jobs/${promptJobId}`, shortId(promptJobId))],
    dependents?.length &&
      ['Pictures from it', dependents.map(id => el('span', { class: 'block' }, link(`/ops/jobs/${id}`, shortId(id))))],
    job.standIn && ['Stand-in', badge('warn', 'made up locally')]
  ].filter(Boolean)
  return [
    el('dl', { class: 'facts small' },
      facts.map(([name, value]) => el('div', {}, el('dt', { class: 'soft' }, name), el('dd', {}, ...[value].flat())))),
    el('p', { class: 'tiny soft full-id' }, 'Id ', el('code', {}, found.job.jobId ?? found.job.promptJobId))
  ]
}

customElements.define('pq-ops-job', PqOpsJob)
