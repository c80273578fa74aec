/** What charts are drawn from: scales, ticks, paths. All pure; lengths in pixels. */

/**
 * The top of an axis and the values that get a line: round ones, 0 first, whole where the values are.
 * @param {number} largest @param {number} [lines] how many there may be besides 0
 * @returns {{top: number, ticks: number[]}}
 */
export function axis (largest, lines = 4) {
  const span = Number.isFinite(largest) && largest > 0 ? largest : 1
  const rough = span / lines
  const power = 10 ** Math.floor(Math.log10(rough))
  const factor = [1, 2, 2.5, 5, 10].find(one => one * power >= rough * (1 - 1e-9))
  const step = factor * power
  const count = Math.ceil(span / step - 1e-9)
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)))
  return { top: ticks.at(-1), ticks }
}

/** The same for things that are counted: no halves. */
export function countAxis (largest, lines = 4) {
  return axis(Math.max(largest, lines), lines)
}

/**
 * Where values lie in a box; the first at its left edge, the last at its right one, 0 at its bottom.
 * @param {number[]} values @param {{width: number, height: number, top: number}} box
 * @returns {Array<[number, number]>}
 */
export function points (values, { width, height, top }) {
  const step = values.length > 1 ? width / (values.length - 1) : 0
  return values.map((value, index) => [index * step, height - Math.min(Math.max(value / top, 0), 1) * height])
}

/** A path through points. */
export const line = places => places.map(([x, y], index) => `${index ? 'L' : 'M'}${short(x)} ${short(y)}`).join('')

/** What lies between points and the bottom. */
export function area (places, height) {
  if (!places.length) return ''
  return `${line(places)}L${short(places.at(-1)[0])} ${short(height)}L${short(places[0][0])} ${short(height)}Z`
}

/** The place that is nearest to a length from the left edge. */
export function nearest (x, count, width) {
  if (count < 2 || width <= 0) return 0
  return Math.min(Math.max(Math.round(x / width * (count - 1)), 0), count - 1)
}

/**
 * Parts of a bar: where each begins and how long it is, as shares of `whole`.
 * @param {number[]} values @param {number} whole
 */
export function stacked (values, whole) {
  let begin = 0
  return values.map(value => {
    const length = whole > 0 ? Math.max(value, 0) / whole : 0
    const part = { begin, length }
    begin += length
    return part
  })
}

/**
 * Which minutes get a label: those on the quarter hour, or on ten minutes where there is room.
 * @param {string[]} minutes RFC 3339 @param {number} every minutes
 * @returns {number[]} their places
 */
export function labelled (minutes, every) {
  return minutes.flatMap((text, index) => new Date(text).getMinutes() % every === 0 ? [index] : [])
}

/**
 * How many waited at the end of each minute, from how many wait now and what came and went since.
 * @param {number} now @param {Array<{arrivals: number, ended: number}>} minutes oldest first
 */
export function depths (now, minutes) {
  const found = []
  let depth = now
  for (const { arrivals, ended } of minutes.toReversed()) {
    found.unshift(Math.max(depth, 0))
    depth += ended - arrivals
  }
  return found
}

const short = length => Number(length.toFixed(1))
