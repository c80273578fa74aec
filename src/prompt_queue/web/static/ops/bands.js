/** The four bands of priorities, most urgent first. Pure. */

export const BANDS = [
  { name: 'critical', from: 10, to: 10 },
  { name: 'high', from: 7, to: 9 },
  { name: 'normal', from: 4, to: 6 },
  { name: 'low', from: 1, to: 3 }
]

/** A range of priorities in words. @param {{from: number, to: number}} range */
export function bandOf ({ from, to }) {
  const found = BANDS.find(band => band.from === from && band.to === to)
  if (found) return found.name
  return from === to ? `${from}` : `${from} to ${to}`
}

/** The amounts of each band, from those of each priority. */
export function byBand (byPriority) {
  return BANDS.map(band => {
    const found = { ...band, ready: 0, delayed: 0, processing: 0 }
    for (const one of byPriority) {
      if (one.priority < band.from || one.priority > band.to) continue
      found.ready += one.ready
      found.delayed += one.delayed
      found.processing += one.processing
    }
    return found
  })
}

/** The pause that keeps a priority back, if there is one. */
export const pauseOf = (priority, paused) => paused.find(one => one.from <= priority && priority <= one.to) ?? null
