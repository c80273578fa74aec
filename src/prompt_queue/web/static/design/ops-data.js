/** Made-up states of the dashboard, of the shapes that the server sends. */

const START = Date.parse('2026-03-14T10:00:00Z')
const minute = index => new Date(START + index * 60000).toISOString()
const wave = (index, size, speed) => Math.max(0, Math.round(size * (1 + Math.sin(index / speed)) + (index * 7919) % 5))

export const QUIET = {
  now: minute(60),
  cachedSeconds: 0,
  standIn: true,
  paused: { queue: null, models: [], priorities: [] },
  depth: { byStatus: { prompts: { queued: 0, delayed: 0, capped: 0, processing: 0 }, pictures: {} }, byPriority: [] },
  oldestAgeSeconds: null,
  perMinute: Array.from({ length: 60 }, (_, index) =>
    ({ minute: minute(index), kind: 'prompt', arrivals: 0, completed: 0, failed: 0, cancelled: 0 })),
  wait: { p50: null, p90: null, p99: null, count: 0 },
  processing: { p50: null, p90: null, p99: null, count: 0 },
  errors: [],
  errorRate: null,
  sources: [],
  spend: { todayUsd: 0, byModel: [] },
  models: [],
  workers: [],
  promises: [],
  alerts: []
}

export const MODEL = {
  model: 'grok-4.7',
  breaker: 'closed',
  byHand: false,
  cause: null,
  openSeconds: null,
  waitSeconds: null,
  retriesLeft: 18,
  listed: true,
  redirected: 0,
  requestsPerSecond: 4,
  tokensPerMinute: 500000,
  rate: 3.5,
  limitedSeconds: 0,
  paused: false,
  permitsUsed: 96,
  permitsAllowed: 240
}
const OLDER = { ...MODEL, model: 'grok-4.6', permitsUsed: 12 }

const job = (end, more) => ({
  jobId: `01a20c30-bf48-7b2e-a475-ea9834fc11${end}`,
  kind: 'prompt',
  leg: 'prompt',
  model: 'grok-4.7',
  sinceSeconds: 3.2,
  userId: '00000000-0000-4000-8000-000000000001',
  priority: 5,
  ...more
})

export const WORKER = {
  name: 'studio-1:4711',
  host: 'studio-1',
  startedSeconds: 7260,
  silentSeconds: 2,
  slots: 8,
  busy: 3,
  doing: [job('b7', {}), job('b8', { sinceSeconds: 11 }),
    job('b9', { kind: 'picture', leg: 'picture', model: 'nano-banana-2/edit', sinceSeconds: 24 })]
}

export const BUSY = {
  ...QUIET,
  depth: {
    byStatus: {
      prompts: { queued: 412, delayed: 23, capped: 4, processing: 14 },
      pictures: { waitingPrompt: 31, queued: 6, submitted: 3, running: 9, saving: 1 }
    },
    byPriority: Array.from({ length: 10 }, (_, index) => {
      const priority = 10 - index
      return { priority, ready: [1, 4, 12, 9, 30, 214, 41, 60, 16, 2][index],
        delayed: [0, 0, 1, 2, 3, 12, 1, 3, 1, 0][index], processing: [2, 3, 3, 1, 1, 4, 0, 0, 0, 0][index] }
    })
  },
  oldestAgeSeconds: 184,
  perMinute: QUIET.perMinute.map((one, index) => ({
    ...one, arrivals: wave(index, 22, 6), completed: wave(index + 3, 20, 6), failed: index % 11 === 0 ? 3 : 0,
      cancelled: index % 17 === 0 ? 1 : 0
  })),
  wait: { p50: 6.4, p90: 21, p99: 74, count: 2312 },
  processing: { p50: 4.2, p90: 9.1, p99: 22, count: 2312 },
  errors: [
    { kind: 'prompt', code: 'timeout', count: 9 }, { kind: 'prompt', code: 'bad_input', count: 5 },
    { kind: 'picture', code: 'provider_failed', count: 2 }, { kind: 'prompt', code: 'refused', count: 1 }
  ],
  errorRate: 0.0073,
  sources: [
    { source: 'model', count: 18234, share: 0.86 }, { source: 'cache', count: 2441, share: 0.115 },
    { source: 'template', count: 402, share: 0.019 }, { source: 'manual', count: 127, share: 0.006 }
  ],
  spend: {
    todayUsd: 61.2345,
    byModel: [
      { model: 'nano-banana-2/edit', provider: 'wavespeed', leg: 'picture', calls: 402, unresolved: 1, usd: 31.2,
        inputTokens: 0, outputTokens: 0 },
      { model: 'grok-4.7', provider: 'xai', leg: 'prompt', calls: 9120, unresolved: 4, usd: 27.13,
        inputTokens: 18240000, outputTokens: 1368000 },
      { model: 'grok-4.6', provider: 'xai', leg: 'prompt', calls: 512, unresolved: 0, usd: 2.9, inputTokens: 1024000,
        outputTokens: 77000 }
    ]
  },
  models: [MODEL, OLDER],
  workers: [WORKER, { ...WORKER, name: 'studio-2:118', host: 'studio-2', busy: 8, silentSeconds: 41,
    doing: WORKER.doing.slice(0, 1) }],
  promises: [
    { kind: 'start', kept: 930, scored: 1000, coverage: 0.93, hours: 24, sentence: '' },
    { kind: 'done', kept: 902, scored: 1000, coverage: 0.902, hours: 24, sentence: '' },
    { kind: 'picture', kept: 61, scored: 80, coverage: 0.76, hours: 24, sentence: '' }
  ]
}

const by = { since: minute(2), reason: 'the account is being topped up', actor: 'ada' }

/** One of each: the model as the page of models shows it. */
export const MODELS = [
  MODEL,
  { ...OLDER, breaker: 'open', cause: 'transient', openSeconds: 12, waitSeconds: 18 },
  { ...MODEL, model: 'grok-4.5', breaker: 'half_open', cause: 'transient', waitSeconds: 0 },
  { ...MODEL, model: 'grok-4', limitedSeconds: 6, permitsUsed: 240 },
  { ...MODEL, model: 'grok-3', requestsPerSecond: null, tokensPerMinute: null, permitsAllowed: null, rate: null,
    listed: false }
]
export const PAUSES = { queue: by, models: [{ ...by, model: 'grok-4.7' }], priorities: [{ ...by, from: 1, to: 3 }] }

/** Queues in every state that has a sentence of its own. */
export const QUEUES = [
  BUSY,
  { ...QUIET, workers: [WORKER] },
  { ...BUSY, paused: { ...QUIET.paused, queue: by } },
  { ...BUSY, workers: [] },
  QUIET,
  {
    ...BUSY,
    alerts: [{ name: 'oldest', since: minute(50), value: 184, threshold: 120,
      sentence: 'The oldest job has waited for 3 minutes; start more workers or look at the models.' }]
  },
  { ...BUSY, models: [{ ...MODEL, breaker: 'open', cause: 'transient' }, OLDER] },
  { ...BUSY, paused: { ...QUIET.paused, priorities: PAUSES.priorities } },
  { ...BUSY, models: [{ ...MODEL, limitedSeconds: 6 }, OLDER] }
]

const ID = '01a20c30-bf48-7b2e-a475-ea9834fc11b7'
const waits = (code, detail, more = {}) => ({
  kind: 'prompt',
  userId: WORKER.doing[0].userId,
  promptJobId: null,
  eta: null,
  job: { promptJobId: ID, priority: 2, errorCode: null },
  waitingReason: { code, until: null, detail },
  ...more
})

/** A job for each reason to wait. */
export const WAITS = [
  waits('position', '12 jobs come first.', { eta: { startP50: 20, startP90: 44, doneP50: 26, doneP90: 58 } }),
  waits('user_cap', 'As many of your jobs are being worked on as one user may have at once.'),
  waits('rate_gate', 'The rate limit of grok-4.7 is reached; jobs go on by themselves.'),
  waits('breaker_open', 'The model does not work at present; the job goes on by itself when it works again.'),
  waits('backoff', 'The last attempt failed; the job is tried again by itself.',
    { waitingReason: { code: 'backoff', until: minute(61),
      detail: 'The last attempt failed; the job is tried again by itself.' } }),
  waits('paused', 'An operator has paused the queue; `prompt-queue resume` lets it go on.'),
  waits('budget', 'The provider’s account has no credit left; the job goes on by itself once it has.',
    { job: { promptJobId: ID, priority: 2, errorCode: 'out_of_credit' } }),
  waits('budget', 'Your budget for today is used up; the job goes on by itself tomorrow (UTC).',
    { job: { promptJobId: ID, priority: 2, errorCode: 'user_budget' } }),
  waits('no_worker', 'No worker runs; `prompt-queue work` starts one.'),
  waits('waiting_prompt', 'Its prompt is not there yet.', { kind: 'picture', promptJobId: ID })
]

const event = (id, second, kind, data = {}, more = {}) => ({
  id, jobId: ID, kind, data, actor: null, reason: null, createdAt: new Date(START + second * 1000).toISOString(),
    ...more
})
const call = (id, begin, end, more) => ({
  callId: `call-${id}`,
  jobId: ID,
  leg: 'prompt',
  provider: 'xai',
  model: 'grok-4.7',
  servedModel: null,
  state: 'answered',
  httpStatus: 200,
  errorCode: null,
  costUsd: 0.0042,
  promptTokens: 2012,
  completionTokens: 141,
  reasoningTokens: 0,
  startedAt: new Date(START + begin * 1000).toISOString(),
  endedAt: end && new Date(START + end * 1000).toISOString(),
  ...more
})

/** A job with a failure, an act of an operator, a success and a webhook. */
export const STORY = {
  attempts: [
    { number: 1, leg: 'prompt', worker: WORKER.name, claimedAt: minute(0), endedAt: event(0, 9, '').createdAt,
      outcome: 'failed', calls: ['call-1'] },
    { number: 2, leg: 'prompt', worker: WORKER.name, claimedAt: event(0, 61, '').createdAt,
      endedAt: event(0, 66, '').createdAt, outcome: 'completed', calls: ['call-2'] }
  ],
  timeline: {
    events: [
      event(1, -2, 'queued', { priority: 2 }),
      event(2, 0, 'claimed', { worker: WORKER.name }),
      event(3, 9, 'failed', { code: 'timeout' }),
      event(4, 60, 'retried', {}, { actor: 'ada', reason: 'the provider is back' }),
      event(5, 61, 'claimed', { worker: WORKER.name }),
      event(6, 66, 'completed', { model: 'grok-4.7' })
    ],
    calls: [
      call(1, 1, 9, { httpStatus: 503, errorCode: 'timeout', costUsd: null, promptTokens: null }),
      call(2, 62, 66, {})
    ],
    webhooks: [{ id: ID, type: 'prompt.completed', endpointId: null, state: 'delivered', tries: 2, lastStatus: 200,
      createdAt: minute(1.2), endedAt: minute(1.3) }]
  }
}

export const ROWS = ['queued', 'processing', 'completed', 'failed', 'cancelled'].map((status, index) => ({
  id: ID.replace(/b7$/, `c${index}`),
  kind: 'prompt',
  status,
  priority: [10, 8, 5, 5, 2][index],
  userId: WORKER.doing[0].userId,
  model: index > 1 ? 'grok-4.7' : null,
  source: index === 2 ? 'model' : null,
  errorCode: index === 3 ? 'bad_input' : null,
  error: index === 3 ? 'The target image cannot be read: <img src=x onerror=alert(1)> is no picture.' : null,
  createdAt: minute(index),
  costUsd: index > 1 ? 0.0042 : null
}))
