/** How the button looks. A sheet of its own that no page's policy has to allow; every colour is a custom property. */

const CSS = `
:host {
  --_accent: var(--prompt-queue-accent, light-dark(#0a6b5c, #62c9b5));
  --_accent-strong: var(--prompt-queue-accent-strong, light-dark(#07554a, #83dbc9));
  --_on-accent: var(--prompt-queue-on-accent, light-dark(#ffffff, #06211c));
  --_surface: var(--prompt-queue-surface, light-dark(#ffffff, #1b1b19));
  --_sunken: var(--prompt-queue-sunken, light-dark(#f2f0eb, #262623));
  --_ink: var(--prompt-queue-ink, light-dark(#1d1c19, #eeece7));
  --_soft: var(--prompt-queue-ink-soft, light-dark(#5c584f, #aca89e));
  --_line: var(--prompt-queue-line, light-dark(#e3e0d9, #2f2e2b));
  --_edge: var(--prompt-queue-line-strong, light-dark(#8b867b, #79756c));
  --_good: var(--prompt-queue-good, light-dark(#1f6a32, #82d294));
  --_bad: var(--prompt-queue-bad, light-dark(#a3271d, #f3948a));
  --_warn: var(--prompt-queue-warn, light-dark(#7d4b00, #eab765));
  --_round: var(--prompt-queue-radius, 0.75rem);
  --_round-s: min(var(--_round), 0.5rem);
  display: inline-block;
  max-inline-size: 100%;
  vertical-align: top;
  color: var(--_ink);
  font: var(--prompt-queue-font, 400 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif);
  font-variant-numeric: tabular-nums;
  text-align: start;
}
:host([hidden]), [hidden] { display: none !important; }
:host(:not([state="idle"])[state]) { inline-size: min(var(--prompt-queue-width, 27rem), 100%); }
*, *::before, *::after { box-sizing: border-box; }
p, form { margin: 0; }
p, label, button { overflow-wrap: anywhere; }
img, svg { display: block; }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
.title:focus { outline: none; }
.title:focus-visible { outline: 2px solid var(--_accent); outline-offset: 3px; border-radius: 2px; }

button, .action {
  display: inline-flex; align-items: center; justify-content: center; gap: 0.5em;
  min-block-size: 2.25rem; padding: 0.375rem 0.875rem;
  border: 1px solid var(--_edge); border-radius: var(--_round-s); background: var(--_surface); color: var(--_ink);
  font: inherit; font-size: 0.875rem; font-weight: 600; line-height: 1.25; cursor: pointer;
  transition: background 120ms, border-color 120ms;
}
button:hover { background: var(--_sunken); }
button.main { border-color: transparent; background: var(--_accent); color: var(--_on-accent); }
button.main:hover { background: var(--_accent-strong); }
button:disabled { border-color: var(--_line); background: var(--_sunken); color: var(--_soft); cursor: not-allowed; }
.press { min-block-size: 2.5rem; padding-inline: 1rem; }
.press svg { inline-size: 1.125rem; block-size: 1.125rem; margin-inline-start: -0.125rem; }
.leave { padding-inline: 0.625rem; min-block-size: 2.25rem; border-color: transparent; background: none; color: var(--_soft); font-weight: 500; }
.leave:hover { background: var(--_sunken); color: var(--_ink); }

.card {
  overflow: hidden; border: 1px solid var(--_line); border-radius: var(--_round);
  background: var(--_surface); box-shadow: var(--prompt-queue-shadow, 0 1px 2px light-dark(#1d1c1914, #00000066));
}
.head { display: flex; align-items: center; gap: 0.875rem; padding: 0.875rem; }
.thumb {
  flex: none; display: grid; place-items: center; overflow: hidden;
  inline-size: 3.5rem; block-size: 3.5rem; border-radius: var(--_round-s); background: var(--_sunken); color: var(--_accent);
}
.thumb img { grid-area: 1 / 1; inline-size: 100%; block-size: 100%; object-fit: cover; }
.thumb svg { grid-area: 1 / 1; inline-size: 1.5rem; block-size: 1.5rem; }
.says { flex: 1; min-inline-size: 0; min-block-size: 3.625rem; display: flex; flex-direction: column; justify-content: center; }
.title { font-size: 0.9375rem; font-weight: 650; line-height: 1.35; letter-spacing: -0.005em; }
.detail { color: var(--_soft); font-size: 0.8125rem; line-height: 1.4; overflow-wrap: anywhere; }
.detail:empty { display: none; }
.meta { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.625rem; }
.badge {
  flex: none; padding: 0.05rem 0.5rem; border-radius: 99px; background: var(--_sunken);
  color: var(--_warn); font-size: 0.75rem; font-weight: 600; white-space: nowrap;
}
.card[data-state="done"] .title { color: var(--_good); }
.card[data-state="failed"] .title { color: var(--_bad); }

.bar { block-size: 3px; background: var(--_line); }
.bar > i { display: block; block-size: 100%; inline-size: 100%; transform-origin: 0 50%; transform: scaleX(var(--share, 0)); background: var(--_accent); transition: transform 1s linear; }
:host(:dir(rtl)) .bar > i { transform-origin: 100% 50%; }
.card[data-state="done"] .bar > i { background: var(--_good); transition-duration: 200ms; }
.card[data-away] .bar > i { background: var(--_edge); }
.card[data-state="failed"] .bar > i, .card[data-state="cancelled"] .bar > i { background: var(--_line); }

.body { display: grid; gap: 0.75rem; padding: 0.875rem; }
.prose { position: relative; min-block-size: 4.75em; font-size: 0.9375rem; line-height: 1.55; }
.card[data-state="done"] .prose, .picture .prose { min-block-size: 0; }
.text { white-space: pre-line; overflow-wrap: anywhere; }
.picture .text { color: var(--_soft); font-size: 0.875rem; }
.text > span { animation: appear 240ms ease-out; }
@keyframes appear { from { opacity: 0; } }
.ghost { display: grid; gap: 0.7em; padding-block-start: 0.35em; }
.ghost > i { display: block; block-size: 0.75em; border-radius: 99px; background: var(--_sunken); }
.ghost > i:nth-child(2) { inline-size: 92%; }
.ghost > i:nth-child(3) { inline-size: 58%; }
.card[data-busy] .ghost > i, .card[data-busy] .tile.waits::after { animation: breathe 1.8s ease-in-out infinite; }
.ghost > i:nth-child(2) { animation-delay: 150ms !important; }
.ghost > i:nth-child(3) { animation-delay: 300ms !important; }
@keyframes breathe { 50% { opacity: 0.4; } }
.note { color: var(--_soft); font-size: 0.8125rem; }
.note:empty { display: none; }

.gallery { display: grid; gap: 0.5rem; grid-template-columns: repeat(auto-fit, minmax(min(9rem, 100%), 1fr)); }
.tile { position: relative; display: block; overflow: hidden; border-radius: var(--_round-s); background: var(--_sunken); }
.tile img { inline-size: 100%; block-size: auto; max-block-size: 26rem; object-fit: cover; }
.tile.waits { min-block-size: 9rem; }
.tile.waits img { filter: blur(14px) saturate(0.7); transform: scale(1.1); opacity: 0.75; }
.tile.waits::after { content: ""; position: absolute; inset: 0; background: var(--_surface); opacity: 0.18; }
.tile:not(.waits) img { animation: appear 500ms ease-out; }

.actions { display: flex; flex-wrap: wrap; gap: 0.5rem; padding: 0 0.875rem 0.875rem; }
.bar + .actions, .bar + [hidden] + .actions, .bar + [hidden] + [hidden] + .actions { padding-block-start: 0.875rem; }
.editor { display: grid; gap: 0.5rem; padding: 0.875rem; }
.body:not([hidden]) + .editor { padding-block-start: 0; }
.editor label { font-size: 0.875rem; font-weight: 600; }
.editor textarea {
  inline-size: 100%; min-block-size: 7rem; padding: 0.5rem 0.75rem; resize: vertical;
  border: 1px solid var(--_edge); border-radius: var(--_round-s); background: var(--_surface); color: var(--_ink);
  font: inherit; font-size: 0.9375rem; line-height: 1.5;
}
.editor .wrong { color: var(--_bad); font-size: 0.8125rem; }
.editor .row { display: flex; gap: 0.5rem; }
.only-read { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

@media (max-width: 26rem) {
  .head { gap: 0.625rem; }
  .thumb { inline-size: 2.75rem; block-size: 2.75rem; }
}
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation: none !important; transition: none !important; }
}
@media (forced-colors: active) {
  .card, .bar { border: 1px solid; }
  .bar > i { background: Highlight; }
}
`

let sheet = null

/** The one sheet of all buttons of a page. */
export function styleSheet () {
  if (sheet === null) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(CSS)
  }
  return sheet
}
