/** What the overview says of the last hour: tiles and lines. Pure. */

import { count, duration, percent, usd } from '../shared/format.js'
import { depths } from './chart.js'
import { amounts } from './state.js'

/** The minutes, prompts and pictures together, oldest first. */
export function together (perMinute) {
  const found = new Map()
  for (const one of perMinute) {
    const sum = found.get(one.minute) ?? { minute: one.minute, arrivals: 0, completed: 0, failed: 0, cancelled: 0 }
    for (const name of ['arrivals', 'completed', 'failed', 'cancelled']) sum[name] += one[name]
    found.set(one.minute, sum)
  }
  return [...found.values()].sort((a, b) => Date.parse(a.minute) - Date.parse(b.minute))
}

/** What `<pq-lines>` draws: what came and went, and how many waited. */
export function flow (overview) {
  const minutes = together(overview.perMinute)
  const names = minutes.map(one => one.minute)
  const { waiting, atWork } = amounts(overview)
  return {
    lines: {
      label: 'Jobs that came and went in each of the last 60 minutes',
      minutes: names,
      words: count,
      series: [
        { name: 'came', tone: 'cool', values: minutes.map(one => one.arrivals) },
        { name: 'completed', tone: 'accent', filled: true, values: minutes.map(one => one.completed) },
        { name: 'failed', tone: 'bad', values: minutes.map(one => one.failed) }
      ]
    },
    depths: {
      label: 'Open jobs at the end of each of the last 60 minutes',
      minutes: names,
      words: count,
      series: [{ name: 'open', tone: 'cool', filled: true, values: open(waiting + atWork, minutes) }]
    }
  }
}

const open = (now, minutes) => depths(now, minutes.map(one => ({
  arrivals: one.arrivals,
  ended: one.completed + one.failed + one.cancelled
})))

/** The figures on top. */
export function tilesOf (overview) {
  const minutes = together(overview.perMinute)
  const { waiting, atWork } = amounts(overview)
  const { wait, processing, errorRate, spend, workers } = overview
  const slots = workers.reduce((sum, one) => sum + one.slots, 0)
  const last = minutes.at(-1)
  const calls = spend.byModel.reduce((sum, one) => sum + one.calls, 0)
  return [
    {
      name: 'Waiting',
      value: count(waiting),
      remark: waiting ? `oldest for ${duration(overview.oldestAgeSeconds)}` : 'nobody waits',
      values: open(waiting + atWork, minutes),
      tone: 'cool'
    },
    { name: 'At work', value: count(atWork), remark: `${amount(slots, 'slot')}, ${amount(workers.length, 'worker')}` },
    {
      name: 'Done a minute',
      value: count(last?.completed ?? 0),
      remark: `${count(last?.arrivals ?? 0)} came`,
      values: minutes.map(one => one.completed)
    },
    { name: 'Wait, median', ...spread(wait) },
    { name: 'At work, median', ...spread(processing) },
    {
      name: 'Failed, last hour',
      value: percent(errorRate),
      remark: `${count(minutes.reduce((sum, one) => sum + one.failed, 0))} jobs`,
      values: minutes.map(one => one.failed),
      tone: 'bad'
    },
    { name: 'Spent today', value: usd(spend.todayUsd), remark: `${amount(calls, 'call')}, UTC` }
  ]
}

/** A bar of the requests of the last minute out of those that were allowed. @param {Record<string, any>} model */
export function permitsOf ({ permitsUsed, permitsAllowed }) {
  if (permitsAllowed == null) return { amount: `${count(permitsUsed)}, no limit`, whole: 1, parts: [] }
  return {
    amount: `${count(permitsUsed)} of ${count(Math.round(permitsAllowed))}`,
    whole: permitsAllowed,
    parts: [{ value: permitsUsed, tone: permitsUsed >= permitsAllowed ? 'warn' : 'accent' }]
  }
}

const spread = ({ p50, p90, count: jobs }) =>
  ({ value: duration(p50), remark: jobs ? `9 of 10 in ${duration(p90)}` : 'none in the last hour' })
const amount = (value, word) => `${count(value)} ${word}${value === 1 ? '' : 's'}`
