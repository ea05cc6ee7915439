// What holds for every provider, tested on a loopback server that behaves like the provider's
// upstream.
import t from 'tap'
import { samples } from './families.js'
import { createTestDog, errorOfFetcher, printedForms, type Reply, rejectionOf, serve } from './setup.js'

for (const sample of samples) {
  t.test(sample.name, async (t) => {
    t.test('the fetcher gets a token by the right request, with the lifetime that the response says', async (t) => {
      const { url, asked } = await serve(t, () => sample.good('the-token-1'))
      const dog = createTestDog(t)
      const secret = dog.init('KEY', ...sample.register(url))
      t.equal(await secret.get(), 'the-token-1')
      t.same(
        asked.map((one) => [one.path, sample.isRight(one)]),
        [[sample.path, true]],
      )
      t.equal(asked[0]!.headers['transfer-encoding'], undefined, 'its length is known')
      const left = (secret.peek()!.expiresAt - Date.now()) / 1000
      t.ok(left > sample.lifetime - 60 && left <= sample.lifetime + 1, `${left} s`)
    })

    t.test('the error of a wrong secret says what the upstream said, and the next caller sends no request', async (t) => {
      const { url, asked } = await serve(t, () => sample.wrong)
      const registration = sample.register(url)
      t.match(await errorOfFetcher(registration[0]), { name: 'FetcherError', code: 'FETCHER_REFUSED', ...sample.says })
      const dog = createTestDog(t)
      dog.init('KEY', ...registration)
      const before = Date.now()
      const first = await rejectionOf(dog.get('KEY'))
      t.match(first, { code: 'ERR_DOG_FETCH', cause: { code: 'FETCHER_REFUSED' } })
      t.match(first.message, sample.says.upstreamCode)
      t.ok(first.retryAt! >= before + (sample.says.retryAfter! - 1) * 1000)
      await rejectionOf(dog.get('KEY'))
      t.equal(asked.length, 2, 'the second caller sent no request')
    })

    t.test('a dead token is replaced once, and the task runs once more', async (t) => {
      let made = 0
      const { url } = await serve(t, () => sample.good(`the-token-${++made}`))
      const dog = createTestDog(t)
      dog.init('KEY', ...sample.register(url))
      await dog.set('KEY', 'a-token-that-died', { expiresIn: 3600 })
      const used: string[] = []
      const result = await dog.use('KEY', async (token) => {
        used.push(token)
        if (token === 'a-token-that-died') throw sample.dead
        return 'done'
      })
      t.same([result, used, made], ['done', ['a-token-that-died', 'the-token-1'], 1])
    })

    t.test('an error that does not concern the token causes no new fetch', async (t) => {
      const { url, asked } = await serve(t, () => sample.good('the-token-1'))
      const dog = createTestDog(t)
      dog.init('KEY', ...sample.register(url))
      const task = () => Promise.reject(sample.other)
      t.equal(await rejectionOf(dog.use('KEY', task)), sample.other)
      t.equal(asked.length, 1)
    })

    t.test('an upstream that returns the dead token again gets only one request', async (t) => {
      const { url, asked } = await serve(t, () => sample.good('the-same-token'))
      const dog = createTestDog(t)
      dog.init('KEY', ...sample.register(url))
      await dog.set('KEY', 'the-same-token', { expiresIn: 3600 })
      const call = () => dog.use('KEY', () => Promise.reject(sample.dead))
      for (let i = 0; i < 5; i++) t.equal(await rejectionOf(call()), sample.dead)
      t.equal(asked.length, 1)
    })

    t.test('a response without a token is an error that quotes nothing of the response', async (t) => {
      const whole = JSON.stringify(sample.good('a-token-in-half-an-answer').body)
      const bad: [string, Reply, string][] = [
        ['HTML', { body: '<html>a-token-in-half-an-answer' }, 'FETCHER_ANSWER'],
        ['half', { body: whole.slice(0, -9), headers: { 'content-type': 'application/json' } }, 'FETCHER_ANSWER'],
        ['empty', { body: '' }, 'FETCHER_ANSWER'],
        ['a list', { body: ['a-token-in-half-an-answer'] }, 'FETCHER_ANSWER'],
        ['nothing in it', { body: {} }, 'FETCHER_ANSWER'],
        ['an empty token', sample.good(''), 'FETCHER_ANSWER'],
        ['a gateway', { status: 502, body: '<h1>Bad gateway</h1>' }, 'FETCHER_HTTP'],
        ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/?a-token' }, body: '' }, 'FETCHER_HTTP'],
        ['dropped', { body: undefined }, 'FETCHER_TRANSPORT'],
      ]
      let reply: Reply
      const { url, asked } = await serve(t, () => reply)
      const [fetcher] = sample.register(url)
      for (const [what, one, code] of bad) {
        reply = one
        const error = await errorOfFetcher(fetcher)
        t.match(error, { name: 'FetcherError', code }, `${what}: ${error.message}`)
        t.notMatch(printedForms(error), /a-token|access_token":/, what)
      }
      t.equal(asked.length, bad.length, 'no redirect is followed, and no request is sent twice')
    })

    t.test('what the upstream said is in the details of the error of every caller', async (t) => {
      const { url, asked } = await serve(t, () => sample.wrong)
      const registration = sample.register(url)
      const { details } = (await errorOfFetcher(registration[0])) as unknown as { details: Record<string, unknown> }
      const dog = createTestDog(t)
      dog.init('KEY', ...registration)
      const errors = [await rejectionOf(dog.get('KEY')), await rejectionOf(dog.get('KEY'))]
      const expected = JSON.parse(JSON.stringify(details))
      t.match(expected, { code: /^FETCHER_/, provider: String, status: Number })
      for (const error of errors) t.match(error, { code: 'ERR_DOG_FETCH', details: expected })
      t.equal(asked.length, 2, 'the second caller made no request')
    })

    t.test('no secret, token or query is in anything that can be printed', async (t) => {
      const { url, asked } = await serve(t, () => sample.wrong)
      const registration = sample.register(url)
      const dog = createTestDog(t)
      const seen: unknown[] = [registration, await errorOfFetcher(registration[0])]
      for (const event of ['change', 'refresh', 'failure', 'wait', 'takeover', 'warning'] as const)
        dog.on(event, (one) => seen.push(one))
      seen.push(dog.init('KEY', ...registration), await rejectionOf(dog.get('KEY')), dog, await dog.status())
      const shown = printedForms(seen)
      const { query, headers, body } = asked[0]!
      const secrets = [query.corpsecret, headers.authorization?.replace(/^\w+ /, ''), body.assertion, 'key=abc', 'y=z']
      for (const secret of [...secrets, 'S3cret', 'PRIVATE KEY', 'q=1']) {
        if (secret !== undefined) t.notOk(shown.includes(String(secret)), String(secret).slice(0, 12))
      }
    })

    t.test('the registration names the account, has the right refreshAhead, and rejects no unrelated error', async (t) => {
      const [, options] = sample.register('http://127.0.0.1:1')
      t.type(options.identity, 'string')
      t.equal(options.refreshAhead, sample.refreshAhead)
      t.equal(options.isRejected!(undefined), false)
      t.equal(options.isRejected!('401'), false)
      const hostile = Object.defineProperty({}, 'status', {
        get: () => {
          throw new Error('no')
        },
      })
      t.equal(options.isRejected!(hostile), false)
    })
  })
}
