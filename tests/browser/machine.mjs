// Plays events through the machine of the button and prints the view, and its words, after each.
import { readFileSync } from 'node:fs'

const { folder, runs } = JSON.parse(readFileSync(0, 'utf8'))
const { initial, next } = await import(`${folder}/machine.js`)
const { STRINGS } = await import(`${folder}/strings.js`)
const { wordsOf } = await import(`${folder}/wording.js`)
const { fieldsOf } = await import(`${folder}/fields.js`)
const { further } = await import(`${folder}/reveal.js`)

const played = runs.map(({ mode = 'prompt', events = [], attributes, text, strings }) => {
  if (strings) return STRINGS
  if (attributes) {
    try {
      return fieldsOf(name => attributes[name] ?? null, mode)
    } catch (error) {
      return { unreadable: error.name }
    }
  }
  if (text) {
    const steps = []
    for (let shown = 0; shown < text.length;) steps.push(text.slice(shown, shown = further(shown, text)))
    return steps
  }
  let view = initial(mode)
  return events.map(event => {
    view = next(view, event)
    return { ...view, words: wordsOf(view, name => STRINGS[name], event.at) }
  })
})
console.log(JSON.stringify(played))
