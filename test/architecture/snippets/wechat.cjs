// A fake WeChat platform in the place of the real one: wechat() uses it unless a baseUrl is given.
module.exports = async (load) => {
  const { fakeWeChat } = load('dotdog/testing')
  const platform = await fakeWeChat()
  process.env.WX_APPID = platform.appId
  process.env.WX_APPSECRET = platform.appSecret
  const real = load('dotdog/wechat')
  const onFake = { ...real, wechat: (options) => real.wechat({ baseUrl: platform.url, ...options }) }
  const { createDog, memoryStore } = load('dotdog')
  const dog = createDog({ store: memoryStore() })
  const wx = onFake.wechat({ appId: platform.appId, appSecret: platform.appSecret, dog })
  return {
    names: { wx, openid: 'o6_bmjrPTlm6_2sgVt7hMZOPfL2M', code: 'a-login-code', png: Buffer.from('89504e47', 'hex') },
    load: (name) => (name === 'dotdog/wechat' ? onFake : load(name)),
    end: () => platform.close(),
  }
}
