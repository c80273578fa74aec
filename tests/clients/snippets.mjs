// Runs the snippets of the mission, as they are, against a server, and prints what they saw.
import { readFileSync } from 'node:fs'

const { module, baseUrl, folder, pictures } = JSON.parse(readFileSync(0, 'utf8'))
const { PromptQueue, installFetch } = await import(module)

const queue = new PromptQueue({ baseUrl })
const { rowId } = await queue.rows.create({ targetUrl: pictures[0] })

// Code of a page: its addresses begin with a slash, and the module gives it a fetch that knows whose.
installFetch(baseUrl)
// The snippets say 'uuid' and 'url' where a program has its own.
const toServer = globalThis.fetch
const values = { uuid: rowId, url: pictures[0], url1: pictures[1], url2: pictures[2] }
globalThis.fetch = (address, options = {}) => toServer(address, {
  ...options,
  body: options.body?.replace(/"(uuid|url\d?)"/g, (_, name) => JSON.stringify(values[name]))
})

// Node 18 does not read types; the only ones there are stand behind parameters.
const source = name => readFileSync(`${folder}/${name}.ts`, 'utf8').replace(/(\w+): string\b/g, '$1')
const AsyncFunction = (async () => {}).constructor
const run = (text, known, wanted) => new AsyncFunction(...Object.keys(known), `${text}\nreturn { ${wanted} }`)(...Object.values(known))

const said = {}

said.init = await run(source('init'), {}, '').then(() => true)

const enqueued = await run(source('enqueue'), {}, 'promptJobId, estimatedWaitTime, http: response.status')
said.enqueue = enqueued
await queue.wait(enqueued.promptJobId, { timeout: 60000 })

const known = { promptJobId: enqueued.promptJobId }
said.checkStatus = await run(source('check_status'), known, 'status, generatedPrompt, error')

const created = await run(source('create_job'), {}, 'response')
said.createJob = { http: created.response.status, ...(await created.response.json()) }

const [code, shape] = source('statistics').split('// Returns:')
said.statistics = (await run(code, {}, 'stats')).stats
said.promised = (await run(`const promised = ${shape}`, {}, 'promised')).promised

const seen = []
const other = await queue.enqueue({ rowId, targetUrl: pictures[1], cache: 'off' })
await new Promise((resolve, reject) => {
  const checkStatus = async id => {
    const job = await queue.get(id)
    seen.push(job.status)
    if (job.status === 'completed') resolve()
    return job
  }
  run(source('poll'), { checkStatus }, 'pollPromptGeneration')
    .then(({ pollPromptGeneration }) => pollPromptGeneration(rowId, other.promptJobId))
    .catch(reject)
})
said.polled = seen
console.log(JSON.stringify(said))
