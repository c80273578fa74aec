/**
 * The state of the queue, again and again, for all parts of the dashboard together: when an event says that something
 * happened, and every few seconds; never while nobody looks.
 */

import { EventParser } from '../prompt-queue.js'
import { token } from '../shared/session.js'
import { isAway, overview } from './api.js'

const POLL = 5000
const APART = 2000
const STREAM_PAUSE = 5000

/** @typedef {{overview: Record<string, any> | null, error: Error | null, away: boolean}} News */

const watchers = new Set()
/** @type {News} */
let latest = { overview: null, error: null, away: false }
let timer = null
let asking = null
let askedAt = -Infinity
let stream = null

/**
 * Calls `tell` with the present state, and after each look. @param {(news: News) => void} tell
 * @returns {() => void} leaves
 */
export function watch (tell) {
  watchers.add(tell)
  if (latest.overview || latest.error) tell(latest)
  if (watchers.size === 1) start()
  return () => {
    watchers.delete(tell)
    if (!watchers.size) stop()
  }
}

/** Looks now, because a button was pressed, and soon again: the server shares a look for two seconds. */
export async function refresh () {
  if (asking) await asking
  await ask()
  schedule(APART)
}

function start () {
  document.addEventListener('visibilitychange', turn)
  addEventListener('online', soon)
  turn()
}

function stop () {
  document.removeEventListener('visibilitychange', turn)
  removeEventListener('online', soon)
  rest()
}

function turn () {
  if (document.hidden) return rest()
  soon()
  listen()
}

function rest () {
  clearTimeout(timer)
  timer = null
  stream?.abort()
  stream = null
}

/** At most one look in two seconds, however much happens. */
function soon () {
  if (!watchers.size || document.hidden) return
  schedule(Math.max(0, APART - (performance.now() - askedAt)))
}

let dueAt = Infinity

function schedule (milliseconds) {
  const due = performance.now() + milliseconds
  if (timer !== null && due >= dueAt) return
  clearTimeout(timer)
  dueAt = due
  timer = setTimeout(() => {
    timer = null
    ask()
  }, milliseconds)
}

function ask () {
  asking ??= look().finally(() => {
    asking = null
    if (watchers.size && !document.hidden) schedule(POLL)
  })
  return asking
}

async function look () {
  askedAt = performance.now()
  try {
    latest = { overview: await overview(), error: null, away: false }
  } catch (error) {
    latest = { ...latest, error, away: isAway(error) }
  }
  for (const tell of watchers) tell(latest)
}

/** Own events say that the queue moves; those of others are seen by looking. The jobs themselves are not asked for. */
async function listen () {
  if (stream) return
  const mine = stream = new AbortController()
  while (!mine.signal.aborted) {
    try {
      if (!await hear(mine.signal)) return
    } catch {
      // Without a stream there is still the look every few seconds.
    }
    await new Promise(resolve => setTimeout(resolve, STREAM_PAUSE * (0.5 + Math.random())))
  }
}

/** Until the stream ends; false where this person has none of their own. */
async function hear (signal) {
  const headers = { Accept: 'text/event-stream', ...(token() && { Authorization: `Bearer ${token()}` }) }
  const response = await fetch('/api/events', { headers, signal, cache: 'no-store' })
  if (response.status === 401 || response.status === 403) return false
  if (!response.ok || !response.body) return true
  const parser = new EventParser()
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return true
    if (parser.feed(value).some(({ event }) => event === 'update' || event === 'resync')) soon()
  }
}
