// The function `call` of an account: reads the body once, gets a token if the path takes one, and
// sends the request.
import type { Secret } from 'dotdog'
import { type RequestBody, readBody } from './body.js'
import { type CallOptions, type CheckedCall, checkCall } from './call.js'
import { type Account, prepareCall } from './endpoints.js'
import { transportError } from './errors.js'
import { withWeChatErrors } from './failed-fetch.js'
import { sendRequest } from './http.js'
import { requestBuffer, requestStream } from './media.js'

/** @param timeoutMs that reading the body may take, and then each request */
export function createCall(account: Account, accessToken: Secret<string>, timeoutMs: number) {
  async function bodyOf({ body, path }: CheckedCall): Promise<RequestBody | undefined> {
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      return await readBody(body, signal)
    } catch (error) {
      // Any other error is the stream's own, or says what is wrong with the body.
      if (!signal.aborted) throw error
      const context = { path, appId: account.appId, credential: false, secrets: [] }
      throw transportError('the body could not be read in time', context, 'WECHAT_TIMEOUT')
    }
  }

  return async (path: string, options?: CallOptions): Promise<unknown> => {
    const checked = checkCall(path, options)
    const call = { ...checked, body: await bodyOf(checked) }
    const send = (token: string | undefined): Promise<unknown> => {
      const { request, context } = prepareCall(account, token, call, AbortSignal.timeout(timeoutMs))
      if (call.as === 'buffer') return requestBuffer(request, context)
      return call.as === 'stream' ? requestStream(request, context, timeoutMs) : sendRequest(request, context)
    }
    return call.token ? withWeChatErrors(accessToken.key, () => accessToken.use(send)) : send(undefined)
  }
}
