// A third-party platform and an account that has authorised it, on a fake WeChat platform.
module.exports = async (load) => {
  const { fakeWeChat } = load('dotdog/testing')
  const platform = await fakeWeChat()
  const real = load('dotdog/wechat')
  const onFake = { ...real, wechat: (options) => real.wechat({ baseUrl: platform.url, ...options }) }
  return {
    names: {
      component_appid: platform.appId,
      component_appsecret: platform.appSecret,
      authorizer_appid: platform.appId,
      ticket: platform.verifyTicket(),
      authorization: platform.authorize(),
    },
    load: (name) => (name === 'dotdog/wechat' ? onFake : load(name)),
    end: () => platform.close(),
  }
}
