// The paths that take an AppSecret and give a token.

import { admit, type Body, type Context, spend } from '../model/fake-request.js'
import { jsonOf, refuse, textOf } from '../model/refusal.js'

/** GET /cgi-bin/token: each answer is a new token, and the last one is on its way out. */
export function token(context: Context): Body {
  const { query } = context.request
  const state = admit(context, query.get('appid') ?? undefined, query.get('secret') ?? undefined, true)
  if (query.get('grant_type') !== 'client_credential') refuse(40002)
  spend(context, state)
  if (context.sameToken && state.legacy.newest !== undefined) {
    return { access_token: state.legacy.newest, expires_in: context.rules.ttl }
  }
  context.count.rotated += 1
  return { access_token: state.legacy.rotate(context.now), expires_in: context.rules.ttl }
}

/** POST /cgi-bin/stable_token: the same token for everybody, with the seconds that remain of it. */
export function stableToken(context: Context): Body {
  const body = jsonOf(context.request.body, 41002)
  const state = admit(context, textOf(body.appid), textOf(body.secret), true)
  if (body.grant_type !== 'client_credential') refuse(40002)
  const force = body.force_refresh === true
  if (state.stableMinute.used(context.now) >= state.stableMinute.limit) refuse(45011)
  spend(context, state)
  state.stableMinute.take(context.now)
  const answer = (force ? state.stable.force(context.now) : state.stable.ask(context.now)) ?? refuse(45009)
  if (answer.rotated) context.count.stableRotated += 1
  if (answer.rotated === 'forced') context.count.forced += 1
  return { access_token: answer.token, expires_in: answer.expiresIn }
}
