import { Problem } from './problem.js'
import type { Route } from './route.js'

/** From method and path to route. Paths are matched as they were sent: nothing is normalised. */

export interface Found {
  route: Route
  params: Record<string, string | undefined>
}

export type FindRoute = (method: string, path: string) => Found

/** Stands for `%` while the path is matched, so that nothing is decoded before it is known where a parameter ends. */
const ESCAPE = '\u0001'
/** 120 characters, as long as UTF-8 and percent-encoding can make them. */
const LONGEST = 120 * 12
const METHODS = ['GET', 'HEAD', 'POST'] as const

export async function createRouter(routes: readonly Route[]): Promise<FindRoute> {
  const { default: findMyWay } = await import('find-my-way')
  const router = findMyWay({ maxParamLength: LONGEST, caseSensitive: true })
  const nothing = () => {}
  for (const route of routes) {
    router.on(route.method, route.path, nothing, route)
  }
  // HEAD works where GET does.
  for (const route of routes) {
    if (route.method !== 'GET' || routes.some(({ method, path }) => method === 'HEAD' && path === route.path)) continue
    router.on('HEAD', route.path, nothing, route)
  }
  return (method, path) => {
    const escaped = path.includes('%') ? path.replaceAll('%', ESCAPE) : path
    const found = router.find(method as 'GET', escaped)
    if (found === null) {
      const allowed = METHODS.filter((other) => router.find(other, escaped) !== null)
      if (allowed.length === 0) throw new Problem(404, 'not_found', 'There is nothing at this path')
      const allow = allowed.join(', ')
      throw new Problem(405, 'method_not_allowed', `This path takes ${allow}`, { headers: { allow } })
    }
    const { params } = found
    for (const name in params) params[name] = decoded(params[name])
    return { route: found.store as Route, params }
  }
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined || !text.includes(ESCAPE)) return text
  try {
    return decodeURIComponent(text.replaceAll(ESCAPE, '%'))
  } catch {
    throw new Problem(400, 'bad_path', 'The path holds a malformed percent-encoding')
  }
}
