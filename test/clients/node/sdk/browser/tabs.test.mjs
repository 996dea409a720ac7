// In a browser: the tabs of the server's own origin, and of another one, share a log-in and one stream.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { isFirefox, launch } from '../../web/browser.mjs';
import { Server, until } from '../../web/server.mjs';

const PASSWORD = 'correct horse';
/** A host name that is not local: over plain http, its pages are not in a secure context, and have no locks. */
const INSECURE_HOST = 'parley.example';
/** The page of a product, on another origin. */
const other = createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><title>A shop</title>');
});
let browser;
let server;

before(async () => {
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  server = await Server.make('--cors-origins', `http://127.0.0.1:${other.address().port}`);
  [browser] = await Promise.all([launch(`--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`), server.start()]);
});
after(async () => {
  await browser?.close();
  other.close();
  await server.finish();
});

/** Opens a tab with a client in it. */
async function openTab(context, address, base) {
  const page = await context.newPage();
  await page.goto(address);
  await page.evaluate(async (base) => {
    const { connect } = await import(`${base}/sdk.js`);
    globalThis.parley = connect({ server: base });
    await globalThis.parley.ready;
  }, base);
  return page;
}

const username = (page) => page.evaluate(() => globalThis.parley.user?.username ?? null);
const show = (page, id) => page.evaluate((id) => globalThis.parley.open(id).then(() => {}), id);
const texts = (page, id) => page.evaluate((id) => globalThis.parley.rooms.get(id).messages.map((m) => m.text), id);
const openStreams = async () =>
  Number(/^parley_streams_open (\d+)$/m.exec(await (await fetch(`${server.base}/metrics`)).text())?.[1]);

async function shareEverything(name, address, base) {
  const context = await browser.newContext();
  try {
    const first = await openTab(context, address, base);
    assert.equal(await username(first), null);
    await first.evaluate(([username, password]) => globalThis.parley.signUp({ username, password }), [name, PASSWORD]);
    const second = await openTab(context, address, base);
    assert.equal(await username(second), name, 'the log-in is shared');
    const id = await first.evaluate(async (name) => {
      const { id } = await globalThis.parley.createRoom({ handle: `shop-of-${name}` });
      await globalThis.parley.open(id);
      return id;
    }, name);
    await show(second, id);
    await until(async () => (await openStreams()) === 1, 'the tabs share one stream');
    await second.evaluate((id) => globalThis.parley.rooms.get(id).send('from the second').sent, id);
    await until(async () => (await texts(first, id)).includes('from the second'));
    await first.close(); // the other tab leads now
    const guest = await server.api('POST', '/v1/sessions', { username: `guest-of-${name}`, guest: true });
    await server.api('PUT', `/v1/rooms/${id}/members/me`, undefined, guest.access_token);
    await server.api('POST', `/v1/rooms/${id}/messages`, { text: 'still there?' }, guest.access_token);
    await until(async () => (await texts(second, id)).includes('still there?'));
    assert.equal(await openStreams(), 1);

    // A message that is written while the server is away outlives its tab.
    await server.stop('SIGKILL');
    await second.evaluate((id) => {
      globalThis.parley.rooms.get(id).send('before the end');
    }, id);
    await until(() => second.evaluate(() => Object.keys(localStorage).some((key) => key.includes('.unsent.'))));
    await second.close();
    await server.start();
    const third = await openTab(context, address, base);
    await show(third, id);
    const expected = ['from the second', 'still there?', 'before the end'];
    await until(async () => (await texts(third, id)).join() === expected.join(), 'each message is there once');
    const fourth = await openTab(context, address, base);
    await third.evaluate(() => globalThis.parley.logOut());
    await until(async () => (await username(fourth)) === null, 'the log-out is shared');
    const kept = await fourth.evaluate(() => Object.keys(localStorage));
    assert.deepEqual(kept, []);
  } finally {
    await context.close();
  }
}

test('tabs of the server’s own origin share a log-in and one stream', async () => {
  await shareEverything('ann', `${server.base}/sdk.js`, server.base);
});

test('tabs of another origin do, too', async () => {
  await shareEverything('bob', `http://127.0.0.1:${other.address().port}/`, server.base);
});

test(
  'without a secure context, tabs agree by messages',
  { skip: isFirefox && 'it cannot map a host name' },
  async () => {
    const base = `http://${INSECURE_HOST}:${server.port}`;
    await shareEverything('cay', `${base}/sdk.js`, base);
  },
);
