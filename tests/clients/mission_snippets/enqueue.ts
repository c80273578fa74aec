// Enqueue a prompt generation request
const response = await fetch('/api/prompt/queue', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    rowId: 'uuid',
    refUrls: ['url1', 'url2'], // optional
    targetUrl: 'url',
    priority: 8 // 1-10, higher = more priority
  })
})

const { promptJobId, estimatedWaitTime } = await response.json()
