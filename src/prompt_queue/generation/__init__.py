"""Pictures to prompt: messages, one call to Grok, and the flow around it."""
