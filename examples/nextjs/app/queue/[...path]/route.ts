/**
 * The queue under this site's own address: the browser shows its session here, and this server shows the queue its API
 * key and names the user. The key never leaves the server, and there is nothing to allow across origins.
 */
import { asksWhoItIs, signedInUser } from '@/lib/supabase-server'

const QUEUE = process.env.PROMPT_QUEUE_URL ?? 'http://127.0.0.1:8080'
const KEY = process.env.PROMPT_QUEUE_API_KEY ?? ''
// What the button needs, and nothing of the operator's.
const OPEN = /^(prompt-queue(-generate)?\.js|static\/.+|api\/health\/live)$/
const OWN = /^(api\/prompt\/queue(\/jobs|\/[0-9a-f-]{36}(\/(retry|prompt|events|timeline))?)?|api\/jobs(\/create|\/[0-9a-f-]{36}(\/(retry|events|timeline))?)?|api\/uploads)$/
const SENT = ['accept', 'content-type', 'idempotency-key', 'if-none-match', 'last-event-id', 'prefer']
const DROPPED = ['connection', 'content-encoding', 'content-length', 'transfer-encoding']

export const dynamic = 'force-dynamic'

type Context = { params: Promise<{ path: string[] }> }

async function pass (request: Request, { params }: Context): Promise<Response> {
  const path = (await params).path.join('/')
  const headers = new Headers()
  for (const name of SENT) {
    const value = request.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  if (!OPEN.test(path)) {
    if (!OWN.test(path)) return problem(404, 'route_not_found', 'There is nothing here.')
    const user = await signedInUser()
    if (asksWhoItIs && user === null) return problem(401, 'unauthorized', 'Sign in first.')
    if (KEY) headers.set('authorization', `Bearer ${KEY}`)
    if (user !== null) headers.set('x-act-for', user)
  }
  const reads = request.method === 'GET' || request.method === 'HEAD'
  let answer: Response
  try {
    answer = await fetch(`${QUEUE}/${path}${new URL(request.url).search}`, {
      method: request.method,
      headers,
      body: reads ? undefined : await request.arrayBuffer(),
      redirect: 'manual',
      cache: 'no-store',
      signal: request.signal
    })
  } catch {
    return problem(502, 'queue_unreachable', 'The queue cannot be reached at present.', true)
  }
  const kept = new Headers(answer.headers)
  for (const name of DROPPED) kept.delete(name)
  return new Response(answer.body, { status: answer.status, headers: kept })
}

function problem (status: number, code: string, detail: string, retryable = false): Response {
  return Response.json({ title: detail, status, detail, code, retryable }, {
    status, headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' }
  })
}

export { pass as DELETE, pass as GET, pass as POST, pass as PUT }
