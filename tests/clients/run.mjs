// Does one thing with prompt-queue.js and prints, as JSON, what came of it.
import { readFileSync } from 'node:fs'

const { module, client, operation, take, given } = JSON.parse(readFileSync(0, 'utf8'))
const { PromptQueue } = await import(module)
const token = client.tokens ? () => client.tokens.shift() : client.token
const queue = new PromptQueue({ ...client, token })

const withId = name => ({ id, ...options }) => queue[name](id, options)
const ofJob = name => ({ id, ...options }) => queue.jobs[name](id, options)
const made = method => ({ idempotencyKey, ...fields }) => method(fields, { idempotencyKey })
const operations = {
  enqueue: made((...all) => queue.enqueue(...all)),
  get: withId('get'),
  cancel: withId('cancel'),
  retry: withId('retry'),
  set_prompt: ({ id, text, ...options }) => queue.setPrompt(id, text, options),
  list: filter => queue.list(filter),
  timeline: withId('timeline'),
  wait: withId('wait'),
  watch: withId('watch'),
  watch_all: options => queue.watchAll(options),
  stats: () => queue.stats(),
  health: () => queue.health(),
  upload: ({ path }) => queue.upload(readFileSync(path)),
  'rows.create': fields => queue.rows.create(fields),
  'rows.list': filter => queue.rows.list(filter),
  'jobs.create': made((...all) => queue.jobs.create(...all)),
  'jobs.get': ofJob('get'),
  'jobs.list': filter => queue.jobs.list(filter),
  'jobs.cancel': ofJob('cancel'),
  'jobs.retry': ofJob('retry'),
  'jobs.timeline': ofJob('timeline'),
  'jobs.wait': ofJob('wait'),
  'jobs.watch': ofJob('watch')
}

try {
  let result = operations[operation](given)
  if (result[Symbol.asyncIterator]) {
    const items = []
    for await (const item of result) {
      items.push(item)
      if (items.length === take) break
    }
    result = items
  }
  console.log(JSON.stringify({ result: await result }))
} catch (error) {
  const { name, message, code, status, retryable, requestId, errors, sent, job } = error
  console.log(JSON.stringify({ error: { name, message, code, status, retryable, requestId, errors, sent, job } }))
}
