'use client'

import { useState } from 'react'
import { GenerateButton } from '@/components/generate-button'

type Props = { rowId: string, targetUrl: string, reference: string }

export function Editor ({ rowId, targetUrl, reference }: Props) {
  const [wishes, setWishes] = useState('')
  const [prompt, setPrompt] = useState('')
  return (
    <form onSubmit={event => event.preventDefault()}>
      {/* Any address will do; an <Image> would want it in next.config.ts. */}
      {/* eslint-disable-next-line @next/next/no-img-element */}
      <img src={targetUrl} alt="An astronaut in an orange suit" width={512} height={512} />
      <label htmlFor="wishes">What should change?</label>
      <input id="wishes" maxLength={2000} value={wishes} onChange={event => setWishes(event.target.value)} />
      <div className="buttons">
        <button>Generate</button>
        <GenerateButton
          row-id={rowId}
          target-url={targetUrl}
          ref-urls={JSON.stringify([reference])}
          instructions={wishes}
          priority="high"
          onDone={({ prompt }) => setPrompt(prompt ?? '')}
        />
      </div>
      <output>{prompt}</output>
    </form>
  )
}
