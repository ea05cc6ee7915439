// A fake platform and a dog for one test. It is the built package, as users have it.
import { createRequire } from 'node:module'
import type { Test } from 'tap'
import '../support/built.js'

const require = createRequire(import.meta.url)
const dotdog: typeof import('../../index.js') = require('../../dist/index.js')
export const wechatModule: typeof import('../../src/wechat/index.js') = require('../../dist/wechat/index.js')
const { fakeWeChat }: typeof import('../../src/testing/index.js') = require('../../dist/testing/index.js')

export const { createDog, memoryStore, DogError } = dotdog
export const { wechat, WeChatError, signJsapi } = wechatModule

type FakeOptions = Parameters<typeof fakeWeChat>[0]

export async function setUp(t: Test, options: FakeOptions = {}, dir?: string) {
  const fake = await fakeWeChat(options)
  const dog = createDog(dir === undefined ? { store: memoryStore() } : { dir })
  t.teardown(async () => {
    await dog.close()
    await fake.close()
  })
  const account = { appId: fake.appId, appSecret: fake.appSecret, baseUrl: fake.url, dog }
  return { fake, dog, account, wx: wechat(account) }
}

/** The error of a promise that must reject. */
export async function rejectionOf(task: Promise<unknown>): Promise<Error & { code?: string; retryAt?: number }> {
  try {
    await task
  } catch (error) {
    return error as Error
  }
  throw new Error('did not reject')
}

export const PAGE_URL = 'https://example.com/shop?item=42'
