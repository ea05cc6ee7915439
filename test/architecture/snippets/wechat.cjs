// A fake WeChat platform in the place of the real one: wechat() uses it unless a baseUrl is given.
module.exports = async (load) => {
  const { fakeWeChat } = load('dotdog/testing')
  const platform = await fakeWeChat()
  process.env.WX_APPID = platform.appId
  process.env.WX_APPSECRET = platform.appSecret
  const real = load('dotdog/wechat')
  const onFake = { ...real, wechat: (options) => real.wechat({ baseUrl: platform.url, ...options }) }
  return {
    names: { openid: 'o6_bmjrPTlm6_2sgVt7hMZOPfL2M' },
    load: (name) => (name === 'dotdog/wechat' ? onFake : load(name)),
    end: () => platform.close(),
  }
}
