// What hostile_eyes.py asks a page: an object of functions.
(() => {
  function everything (root = document) {
    return [...root.querySelectorAll('*')].flatMap(node => [node, ...(node.shadowRoot ? everything(node.shadowRoot) : [])])
  }

  const isInline = node => getComputedStyle(node).display.startsWith('inline')
  /** Whether what it turns around goes on behind it. */
  const isFlat = node =>
    isInline(node) && !/^(isolate|isolate-override|plaintext)$/.test(getComputedStyle(node).unicodeBidi)

  /** Whether a text is alone in a box that holds its directions. */
  function isHeld (text, strings) {
    const isBeside = one => one !== text && one.textContent.trim() && (one.nodeType === 3 || isInline(one))
    let box = text.parentElement
    if (!isFlat(box)) return ![...box.childNodes].some(isBeside)
    while (isFlat(box)) box = box.parentElement
    // Pieces of one string are in each other's company.
    return strings.some(said => box.textContent.trim() === said.trim())
  }

  function ofAnchor (node) {
    if (!node.hasAttribute('href')) return []
    const opensElsewhere = node.target === '_blank'
    return [
      !/^https?:$/.test(node.protocol) && `a link to ${node.href}`,
      opensElsewhere && !node.relList.contains('noopener') && `a link without noopener to ${node.href}`,
      !opensElsewhere && node.origin !== location.origin && `this tab would go to ${node.href}`
    ]
  }

  function ofPicture (node, hosts) {
    if (!node.getAttribute('src')) return []
    const { protocol, origin } = new URL(node.src)
    return [!['data:', 'blob:'].includes(protocol) && !hosts.includes(origin) && `a picture from ${node.src}`]
  }

  /** A page may hold as many of these as the server has sent. */
  async function more () {
    const sent = new DOMParser().parseFromString(await (await fetch(location.href)).text(), 'text/html')
    return ['script', 'meta', 'link', 'base', 'style'].filter(name =>
      document.querySelectorAll(name).length > sent.querySelectorAll(name).length).map(name => `one more ${name}`)
  }

  const NEVER = /^(iframe|frame|object|embed|math|mglyph|animate|foreignobject|template)$/i

  return {
    async harm ({ strings, hosts }) {
      const wrong = await more()
      for (const node of everything()) {
        const name = node.localName
        if (NEVER.test(name)) wrong.push(name)
        for (const { name: key } of node.attributes) {
          if (/^on|^srcdoc$|^autofocus$/.test(key)) wrong.push(`${name} with ${key}`)
        }
        if (name === 'form' && node.hasAttribute('action')) wrong.push('a form with an action')
        if (name === 'a') wrong.push(...ofAnchor(node))
        if (name === 'img') wrong.push(...ofPicture(node, hosts))
        if (!node.checkVisibility()) continue
        for (const text of node.childNodes) {
          if (text.nodeType !== 3 || !text.data.includes('\u202e') || isHeld(text, strings)) continue
          wrong.push(`turns others around: ${node.outerHTML.slice(0, 200)}`)
        }
      }
      wrong.push(...window.violated, 'pwned' in window && `pwned ${window.pwned}`)
      return wrong.filter(Boolean)
    },

    /** What sticks out at the right, where the document is wider than the window. */
    wide () {
      const { scrollWidth } = document.scrollingElement
      if (scrollWidth <= innerWidth) return []
      const out = everything().filter(one => one.getBoundingClientRect().right > innerWidth + 1 && one.checkVisibility())
      return [`${scrollWidth} of ${innerWidth}`, ...out.slice(0, 6).map(one => one.outerHTML.slice(0, 120))]
    },

    /** Everything that can be read, and paragraphs once more as a whole. */
    text () {
      const parts = everything().flatMap(node => [
        ...[...node.childNodes].filter(one => one.nodeType === 3).map(one => one.data),
        typeof node.value === 'string' ? node.value : ''
      ])
      const whole = everything().filter(node => node.localName === 'p').map(node => node.textContent)
      return [...parts, ...whole].join('')
    }
  }
})()
