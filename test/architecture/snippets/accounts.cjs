// A WeChat account on a fake platform, and the clients of a server.
module.exports = async (load) => {
  const { createDog, memoryStore } = load('dotdog')
  const { fakeWeChat } = load('dotdog/testing')
  const { wechat } = load('dotdog/wechat')
  const { url: baseUrl, appId, appSecret, close } = await fakeWeChat()
  const dog = createDog({ store: memoryStore() })
  const wx = wechat({ appId, appSecret, baseUrl, dog })
  const clients = [{ name: 'shop', tokenSha256: '0'.repeat(64), keys: ['*'] }]
  return { names: { appId, wx, dog, clients }, end: () => close() }
}
