const pollPromptGeneration = async (rowId: string, promptJobId: string) => {
  const maxAttempts = 60 // 5 minutes max
  let attempts = 0

  const poll = async () => {
    const { status, generatedPrompt, error } = await checkStatus(promptJobId)
    
    if (status === 'completed') {
      // Update UI with generated prompt
    } else if (status === 'failed') {
      // Show error
    } else {
      // Continue polling
      setTimeout(poll, 5000)
    }
  }
  
  poll()
}
