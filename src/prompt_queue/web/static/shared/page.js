/** What every page does: remembers a theme that was chosen, and closes what Escape should close. */

const PLACE = 'prompt-queue.theme'
const chosen = new URLSearchParams(location.search).get('theme') ?? localStorage.getItem(PLACE)
if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
