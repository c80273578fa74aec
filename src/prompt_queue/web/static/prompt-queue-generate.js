/**
 * The AI Generate button for any page:
 *
 *   <script type="module" src="https://queue.example.com/prompt-queue-generate.js"></script>
 *   <prompt-queue-generate row-id="..." target-url="..."></prompt-queue-generate>
 *
 * docs/button.md has the rest.
 * @module prompt-queue-generate
 */

import { PromptQueueGenerate } from './generate/element.js'

if (!customElements.get('prompt-queue-generate')) customElements.define('prompt-queue-generate', PromptQueueGenerate)

export { PromptQueueGenerate }
