// An account's settings for pushed messages, and frameworks that only take a handler.
module.exports = async () => {
  const takesHandler = (...args) => {
    const handler = args.at(-1)
    if (typeof handler !== 'function') throw new TypeError('no handler was given')
  }
  return {
    names: {
      http: require('node:http'),
      app: { use: takesHandler },
      fastify: { all: takesHandler, addContentTypeParser: takesHandler },
      token: 'token',
      appId: 'wxd09d09d09d09d09d',
      encodingAESKey: 'x'.repeat(43),
      replyXml: (text) => text,
    },
  }
}
