import { Problem } from './problem.js'
import type { ServerRoute } from './request-context.js'

/**
 * Finds the route of a method and a path. Paths are matched as they were sent, without
 * normalisation.
 */

export interface RouteMatch {
  route: ServerRoute
  params: Record<string, string | undefined>
}

/** @throws Problem (404, 405, or 400 for a malformed percent-encoding) */
export type FindRoute = (method: string, path: string) => RouteMatch

/**
 * Stands for `%` while the path is matched, so that nothing is decoded before the ends of the
 * parameters are known.
 */
const PERCENT_PLACEHOLDER = '\u0001'
/** A key of 120 characters, at its longest in UTF-8 and percent-encoding. */
const MAX_PARAM_CHARS = 120 * 12
const METHODS = ['GET', 'HEAD', 'POST'] as const

export async function createRouter(routes: readonly ServerRoute[]): Promise<FindRoute> {
  const { default: findMyWay } = await import('find-my-way')
  const router = findMyWay({ maxParamLength: MAX_PARAM_CHARS, caseSensitive: true })
  const unused = () => {}
  for (const route of routes) {
    router.on(route.method, route.path, unused, route)
  }
  // HEAD works where GET does.
  for (const route of routes) {
    if (route.method !== 'GET' || routes.some(({ method, path }) => method === 'HEAD' && path === route.path)) continue
    router.on('HEAD', route.path, unused, route)
  }
  return (method, path) => {
    const encoded = path.includes('%') ? path.replaceAll('%', PERCENT_PLACEHOLDER) : path
    const found = router.find(method as 'GET', encoded)
    if (found === null) {
      const allowed = METHODS.filter((other) => router.find(other, encoded) !== null)
      if (allowed.length === 0) throw new Problem(404, 'not_found', 'There is nothing at this path')
      const allow = allowed.join(', ')
      throw new Problem(405, 'method_not_allowed', `This path takes ${allow}`, { headers: { allow } })
    }
    const { params } = found
    for (const name in params) params[name] = decode(params[name])
    return { route: found.store as ServerRoute, params }
  }
}

function decode(text: string | undefined): string | undefined {
  if (text === undefined || !text.includes(PERCENT_PLACEHOLDER)) return text
  try {
    return decodeURIComponent(text.replaceAll(PERCENT_PLACEHOLDER, '%'))
  } catch {
    throw new Problem(400, 'bad_path', 'The path holds a malformed percent-encoding')
  }
}
