/** The state of the queue in one sentence. Pure; the first thing that is wrong is the one that is said. */

import { bandOf } from './bands.js'
import { count, duration, quoted, time } from '../shared/format.js'

/**
 * @param {Record<string, any>} overview as /api/ops/overview has it
 * @returns {{tone: 'good' | 'warn' | 'bad', title: string, sentence: string}}
 */
export function stateOf (overview) {
  const { paused, workers, alerts, models } = overview
  const { waiting, atWork } = amounts(overview)
  const jobs = waiting === 0 ? 'Nothing waits' : waiting === 1 ? '1 job waits' : `${count(waiting)} jobs wait`
  if (paused.queue) {
    return {
      tone: 'warn',
      title: `Paused since ${time(paused.queue.since)} by ${paused.queue.actor}`,
      sentence: `${said(paused.queue.reason)}${waiting ? `${jobs} meanwhile. ` : ''}Resume lets jobs start again.`
    }
  }
  if (!workers.length) {
    return waiting
      ? {
          tone: 'bad',
          title: 'Nobody works: start a worker',
          sentence: `${jobs}. \`prompt-queue work\` starts a worker.`
        }
      : { tone: 'warn', title: 'Nobody works', sentence: 'Nothing waits, either. `prompt-queue work` starts a worker.' }
  }
  if (alerts.length) {
    const title = alerts.length === 1 ? 'One thing wants to be looked at'
      : `${alerts.length} things want to be looked at`
    return { tone: 'bad', title, sentence: `${jobs}; ${count(atWork)} at work.` }
  }
  const broken = models.filter(one => one.breaker !== 'closed')
  if (broken.length) {
    return {
      tone: 'warn',
      title: `${names(broken.map(one => one.model))} ${broken.length > 1 ? 'are' : 'is'} not asked`,
      sentence: 'The circuit breaker is open. Other models are asked instead, where there are any.'
    }
  }
  const stopped = [...paused.models.map(one => one.model), ...paused.priorities.map(one => `${bandOf(one)} priority`)]
  if (stopped.length) {
    return {
      tone: 'warn',
      title: `Going on, without ${names(stopped)}`,
      sentence: 'Somebody has paused that; the rest is worked on as ever.'
    }
  }
  const limited = models.filter(one => one.limitedSeconds > 0)
  if (limited.length) {
    return {
      tone: 'warn',
      title: `${names(limited.map(one => one.model))} asked us to slow down`,
      sentence: `Jobs go on by themselves in ${duration(Math.max(...limited.map(one => one.limitedSeconds)))}.`
    }
  }
  if (!waiting && !atWork) {
    return { tone: 'good', title: 'All is well', sentence: 'Nothing waits, and workers are ready.' }
  }
  return { tone: 'good', title: 'All is well', sentence: `${jobs}; ${count(atWork)} at work.` }
}

/** How many jobs wait and how many are at work, prompts and pictures together. */
export function amounts ({ depth }) {
  const { prompts, pictures } = depth.byStatus
  const sum = names => names.reduce((total, name) => total + (pictures[name] ?? 0), 0)
  return {
    waiting: prompts.queued + sum(['queued', 'waitingPrompt']),
    atWork: prompts.processing + sum(['submitting', 'submissionUnknown', 'submitted', 'running', 'saving'])
  }
}

const said = reason => reason ? `${quoted(reason)} ` : ''
const names = list => list.length < 2 ? list.join('') : `${list.slice(0, -1).join(', ')} and ${list.at(-1)}`
