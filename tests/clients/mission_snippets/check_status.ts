// Check prompt generation status
const response = await fetch(`/api/prompt/queue/${promptJobId}`)
const { status, generatedPrompt, error } = await response.json()

if (status === 'completed') {
  // Use generatedPrompt
} else if (status === 'failed') {
  // Handle error
}
