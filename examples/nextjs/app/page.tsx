import { Editor } from './editor'

// The rows are those of your own table `model_rows`; this one is there after `make up`.
const ROW = '00000000-0000-4000-a000-000000000003'
const SAMPLES = `${process.env.PROMPT_QUEUE_URL ?? 'http://127.0.0.1:8080'}/samples`

export const dynamic = 'force-dynamic'

export default function Page () {
  return (
    <>
      <h1>Edit a photograph</h1>
      <Editor rowId={ROW} targetUrl={`${SAMPLES}/astronaut.jpg`} reference={`${SAMPLES}/coffee.jpg`} />
    </>
  )
}
