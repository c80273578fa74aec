const stats = await fetch('/api/prompt/queue').then(r => r.json())
// Returns:
{
  totalQueued: 5,
  totalProcessing: 2,
  totalCompleted: 150,
  totalFailed: 3,
  averageWaitTime: 45, // seconds
  estimatedWaitTime: 30 // seconds
}
