/** Which view an address means. Pure. */

const PLAIN = { '': 'overview', jobs: 'jobs', models: 'models', workers: 'workers', audit: 'audit' }
const TITLES = { overview: 'Dashboard', jobs: 'Jobs', models: 'Models', workers: 'Workers', audit: 'Audit' }

/**
 * @param {string} pathname
 * @returns {{name: string | null, id: string | null, path: string, title: string}} `path`: of its tab
 */
export function viewAt (pathname) {
  const [first = '', second = '', ...rest] = pathname.replace(/^\/ops\/?/, '').replace(/\/$/, '').split('/')
  if (first === 'jobs' && second && !rest.length) {
    const id = decoded(second)
    return { name: 'job', id, path: '/ops/jobs', title: `Job ${id.slice(0, 8)}` }
  }
  const name = second ? null : PLAIN[first] ?? null
  if (!name) return { name: null, id: null, path: '', title: 'Not found' }
  return { name, id: null, path: first ? `/ops/${first}` : '/ops', title: TITLES[name] }
}

function decoded (text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
