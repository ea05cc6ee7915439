import t from 'tap'
import { checkIp, plainIp, readWhitelist, shownIp } from '../../../../src/testing/model/ip-whitelist.js'

t.test('an address, and a network with or without stray bits', async (t) => {
  const allows = readWhitelist(['1.2.3.4', '10.1.2.1/24'], 'official')
  t.same(['1.2.3.4', '::ffff:1.2.3.4', '10.1.2.0', '10.1.2.255'].map(allows), [true, true, true, true])
  t.same(['1.2.3.5', '10.1.3.0', '::1', ''].map(allows), [false, false, false, false])
})

t.test('a star is an entry for a mini program only', async (t) => {
  const allows = readWhitelist(['1.2.3.*'], 'mini')
  t.same(['1.2.3.0', '1.2.3.255', '1.2.4.0'].map(allows), [true, true, false])
  t.throws(() => readWhitelist(['1.2.3.*'], 'official'), {
    message: /must be like 1\.2\.3\.4 or 1\.2\.3\.0\/24; got 1\.2\.3\.\*/,
  })
})

t.test('what the console would not take is a TypeError', async (t) => {
  for (const entry of [
    '1.2.3.4:80',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4/33',
    '1.2.*',
    '*',
    '',
    '::1',
    'localhost',
    '1.2.3.4.*',
    7,
  ]) {
    t.throws(() => readWhitelist([entry as string], 'mini'), TypeError, String(entry))
  }
  t.throws(() => readWhitelist('1.2.3.4' as never, 'mini'), { message: /^whitelist must be a list/ })
})

t.test('a mini program has room for ten entries', async (t) => {
  const entries = Array.from({ length: 11 }, (_, i) => `1.2.3.${i}`)
  t.ok(readWhitelist(entries.slice(1), 'mini')('1.2.3.10'))
  t.throws(() => readWhitelist(entries, 'mini'), { message: /at most 10 entries/ })
  t.ok(readWhitelist(entries, 'official')('1.2.3.10'))
})

t.test('without a whitelist all may call, with an empty one nobody', async (t) => {
  t.ok(readWhitelist(undefined, 'official')('9.9.9.9'))
  t.notOk(readWhitelist([], 'official')('9.9.9.9'))
})

t.test('an address is shown with its IPv6-mapped form', async (t) => {
  t.equal(shownIp('1.2.3.4'), '1.2.3.4 ipv6 ::ffff:1.2.3.4')
  t.equal(shownIp('2001:db8::1'), '2001:db8::1 ipv6 2001:db8::1')
  t.equal(plainIp('::FFFF:1.2.3.4'), '1.2.3.4')
  t.equal(checkIp('::ffff:1.2.3.4'), '1.2.3.4')
  t.throws(() => checkIp('1.2.3.4:80'), { message: /^clientIp must be an IP address; got 1\.2\.3\.4:80 \(string\)/ })
})
