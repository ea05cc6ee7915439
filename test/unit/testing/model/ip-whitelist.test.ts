import t from 'tap'
import { checkIp, createWhitelist, describeIp, unmapIp } from '../../../../src/testing/model/ip-whitelist.js'

t.test('A whitelist entry is an address, or a network whose host bits are ignored', async (t) => {
  const allows = createWhitelist(['1.2.3.4', '10.1.2.1/24'], 'official')
  t.same(['1.2.3.4', '::ffff:1.2.3.4', '10.1.2.0', '10.1.2.255'].map(allows), [true, true, true, true])
  t.same(['1.2.3.5', '10.1.3.0', '::1', ''].map(allows), [false, false, false, false])
})

t.test('An entry with a star is accepted for a mini program only', async (t) => {
  const allows = createWhitelist(['1.2.3.*'], 'mini')
  t.same(['1.2.3.0', '1.2.3.255', '1.2.4.0'].map(allows), [true, true, false])
  t.throws(() => createWhitelist(['1.2.3.*'], 'official'), {
    message: /must be like 1\.2\.3\.4 or 1\.2\.3\.0\/24; got "1\.2\.3\.\*"/,
  })
})

t.test('An entry that the console would not accept is a TypeError', async (t) => {
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
    t.throws(() => createWhitelist([entry as string], 'mini'), TypeError, String(entry))
  }
  t.throws(() => createWhitelist('1.2.3.4' as never, 'mini'), { message: /^whitelist must be a list/ })
})

t.test('A mini program may have ten entries', async (t) => {
  const entries = Array.from({ length: 11 }, (_, i) => `1.2.3.${i}`)
  t.ok(createWhitelist(entries.slice(1), 'mini')('1.2.3.10'))
  t.throws(() => createWhitelist(entries, 'mini'), { message: /at most 10 entries/ })
  t.ok(createWhitelist(entries, 'official')('1.2.3.10'))
})

t.test('Without a whitelist every address may call, and with an empty one none', async (t) => {
  t.ok(createWhitelist(undefined, 'official')('9.9.9.9'))
  t.notOk(createWhitelist([], 'official')('9.9.9.9'))
})

t.test('An address is shown with its IPv4-mapped IPv6 form, and parsed from it', async (t) => {
  t.equal(describeIp('1.2.3.4'), '1.2.3.4 ipv6 ::ffff:1.2.3.4')
  t.equal(describeIp('2001:db8::1'), '2001:db8::1 ipv6 2001:db8::1')
  t.equal(unmapIp('::FFFF:1.2.3.4'), '1.2.3.4')
  t.equal(checkIp('::ffff:1.2.3.4'), '1.2.3.4')
  t.throws(() => checkIp('1.2.3.4:80'), { message: /^clientIp must be an IP address; got "1\.2\.3\.4:80" \(string\)/ })
})
