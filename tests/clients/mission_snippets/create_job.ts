// Create job with AI prompt generation
const response = await fetch('/api/jobs/create', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    rowId: 'uuid',
    useAiPrompt: true
  })
})
