// Initialize background services
await fetch('/api/init', { method: 'POST' })
