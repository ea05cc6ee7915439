// Published examples of messages in safe mode: the platform's own, Tencent's samples, and tests of
// other packages. Each was recomputed.
const official = { appId: 'wxba5fad812f8e6fb9', token: 'AAAAA', encodingAESKey: 'A'.repeat(43) }
const tencent = {
  appId: 'wx5823bf96d3bd56c7',
  token: 'QDG6eK',
  encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C',
}
const java = {
  appId: 'wxb11529c136998cb6',
  token: 'pamtest',
  encodingAESKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
}
const wechatpy = { appId: 'wx49f0ab532d5d035a', token: '123456', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR' }

const query = (msg_signature: string, timestamp: string, nonce: string) => ({ msg_signature, timestamp, nonce })

export const pushed = [
  {
    name: "the platform's",
    account: official,
    query: query('046e02f8204d34f8ba5fa3b1db94908f3df2e9b3', '1714112445', '415670741'),
    encrypted:
      '+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740X' +
      'gXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7m' +
      'StwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=',
    message:
      /^\{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,.*"hello world"\}$/,
  },
  {
    name: "Tencent's C# sample",
    account: tencent,
    query: query('477715d11cdb4164915debcba66cb864d751f3e6', '1409659813', '1372623149'),
    encrypted:
      'RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXx' +
      'accAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP' +
      '7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XX' +
      'ZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q==',
    message: /<Content><!\[CDATA\[hello\]\]><\/Content>/,
  },
  {
    name: "WeCom's address check",
    account: tencent,
    query: query('5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3', '1409659589', '263014780'),
    encrypted: 'P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==',
    message: /^1616140317555161061$/,
  },
  {
    name: "easywechat's",
    account: java,
    query: query('4f3ad57b6989f09f4eb392acce4f9e93942ed890', '1458300676', '260774613'),
    encrypted:
      'rTNFcsut4LfGuAFKEUVVpwcaCOTJzOd9twZdIW910jb3k+iicx2uvhttIZ3Qg9Qgty3BEF2xbOrz6boTfb30dMomcgrkTqdFPwnhqbk+kIQ7rZiwny9D7NUr' +
      'TgA5kpX3KsZvrXzUZyP2x9YOlxbgm572lmxKvM7HAQQhIQ/p6HBmoY30bGXFK0BtIu1pW9TjhOYrLQoU18nWYjWqDA1ynkmOytpv7QRI1P1+0NoxL0q2zO1D' +
      'geSvnE8CZGo/o5Ap/WHK5W2RAsinpzN4/LjPnmB6U01I5XCoJoC0GK/yMZycd2Oh8Nq6+wBkC1U85oy0ktOY4nLvsQMLrourmMGdZHuTbqpeJ8Ao/5PRYJ+W' +
      'BvRUwPfGKBL2+2IKZF49vAJqkcGWSHGE76ZN2erXeuNazf/o9o3lIE3q739o4c8t9QGPe31GT2Go/rOz1BsrASwvauNulCh+++yz+CQzBIuikA==',
    message: /hello/,
  },
  {
    name: "wechatpy's for WeCom",
    account: wechatpy,
    query: query('dd6b9c95b495b3f7e2901bfbc76c664930ffdb96', '1411443780', '437374425'),
    encrypted: '4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q==',
    message: /^5927782489442352469$/,
  },
]

export const replies = [
  {
    name: "the platform's",
    account: official,
    message: '{"demo_resp":"good luck"}',
    options: { random: '707722b803182950', timestamp: 1713424427, nonce: '415670741' },
    sealed: {
      Encrypt: 'ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==',
      MsgSignature: '1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1',
      TimeStamp: 1713424427,
      Nonce: '415670741',
    },
  },
  {
    name: "Tencent's Java test",
    account: java,
    message: '我是中文abcd123',
    options: { random: 'aaaabbbbccccdddd', timestamp: 1, nonce: 'n' },
    sealed: { Encrypt: 'jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==' },
  },
]
