/** The button of prompt-queue as TypeScript and JSX know it. docs/button.md says what everything means. */
import type { DetailedHTMLProps, HTMLAttributes } from 'react'

export type PromptQueueState =
  'idle' | 'sending' | 'queued' | 'looking' | 'writing' | 'rendering' | 'done' | 'failed' | 'cancelled'

export interface PromptQueuePicture {
  number: number
  url: string
  thumbnailUrl: string | null
  width: number | null
  height: number | null
}

interface OfAJob {
  jobId: string | null
  promptJobId: string | null
  /** Found again after a reload, not pressed just now. */
  restored: boolean
}

export interface PromptQueueEvents {
  'prompt-queue:state': CustomEvent<OfAJob & {
    state: PromptQueueState
    previous: PromptQueueState
    position: number | null
    progress: number
  }>
  'prompt-queue:prompt': CustomEvent<OfAJob & { prompt: string, partial: boolean }>
  'prompt-queue:picture': CustomEvent<OfAJob & { url: string, pictures: PromptQueuePicture[] }>
  'prompt-queue:done': CustomEvent<OfAJob & {
    prompt: string | null
    pictures: PromptQueuePicture[]
    source: string | null
    standIn: boolean
  }>
  'prompt-queue:failed': CustomEvent<OfAJob & { error: string | null, code: string | null, actions: string[] }>
  'prompt-queue:cancelled': CustomEvent<OfAJob & { receipt: string | null }>
  'prompt-queue:offline': CustomEvent<{ offline: boolean }>
  'prompt-queue:token': CustomEvent<{
    refresh: boolean
    respondWith: (token: string | Promise<string>) => void
  }>
}

export type TokenProvider = (asked: { refresh: boolean }) => string | Promise<string>

export interface PromptQueueGenerateElement extends HTMLElement {
  token: string | TokenProvider | null
  strings: Record<string, string>
  mode: 'prompt' | 'picture'
  disabled: boolean
  readonly state: PromptQueueState
  readonly prompt: string | null
  readonly pictures: PromptQueuePicture[]
  readonly jobId: string | null
  readonly promptJobId: string | null
  readonly progress: number
  start: () => void
  cancel: () => void
  retry: () => void
  reset: () => void
}

export interface PromptQueueAttributes extends HTMLAttributes<PromptQueueGenerateElement> {
  'row-id'?: string
  api?: string
  mode?: 'prompt' | 'picture'
  name?: string
  disabled?: boolean
  'target-url'?: string
  'ref-urls'?: string
  priority?: number | 'low' | 'normal' | 'high' | 'critical'
  'existing-prompt'?: string
  instructions?: string
  'min-quality'?: 'model' | 'any_model' | 'template_ok'
  cache?: 'use' | 'refresh' | 'off'
  'identity-consent'?: boolean
  count?: number
  width?: number
  height?: number
  'generation-model'?: string
  [text: `text-${string}`]: string | undefined
}

declare global {
  interface HTMLElementTagNameMap {
    'prompt-queue-generate': PromptQueueGenerateElement
  }
}

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'prompt-queue-generate': DetailedHTMLProps<PromptQueueAttributes, PromptQueueGenerateElement>
    }
  }
}
