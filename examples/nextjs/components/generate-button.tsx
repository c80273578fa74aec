'use client'

import { useEffect, useRef } from 'react'
import { accessToken } from '@/lib/supabase-browser'
import type { PromptQueueAttributes, PromptQueueEvents, PromptQueueGenerateElement } from '@/types/prompt-queue'

// The queue itself, with the user's token; or this site's own server, which knows the user by the session.
const DIRECT = process.env.NEXT_PUBLIC_PROMPT_QUEUE_URL
const API = DIRECT || '/queue'

type Done = PromptQueueEvents['prompt-queue:done']['detail']
type Failed = PromptQueueEvents['prompt-queue:failed']['detail']
type Props = Omit<PromptQueueAttributes, 'api' | 'onError'> & {
  onDone?: (detail: Done) => void
  onFailed?: (detail: Failed) => void
}

/** The AI Generate button. What it is given goes to the element as attributes. */
export function GenerateButton ({ onDone, onFailed, ...attributes }: Props) {
  const button = useRef<PromptQueueGenerateElement>(null)
  const told = useRef({ onDone, onFailed })
  useEffect(() => { told.current = { onDone, onFailed } })

  useEffect(() => {
    const element = button.current
    if (element === null) return
    if (DIRECT) element.token = accessToken
    const gone = new AbortController()
    const hear = <Name extends keyof PromptQueueEvents>(name: Name, deed: (event: PromptQueueEvents[Name]) => void) => {
      element.addEventListener(name, event => deed(event as PromptQueueEvents[Name]), { signal: gone.signal })
    }
    hear('prompt-queue:done', ({ detail }) => told.current.onDone?.(detail))
    hear('prompt-queue:failed', ({ detail }) => told.current.onFailed?.(detail))
    // The module comes from the queue, so that element and server are of one version.
    void import(/* webpackIgnore: true */ /* turbopackIgnore: true */ `${API}/prompt-queue-generate.js`)
    return () => gone.abort()
  }, [])

  return <prompt-queue-generate ref={button} api={API} {...attributes} />
}
