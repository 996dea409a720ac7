// The element <parley-room> in pages of another origin, in real browsers: the page of docs/embed.md as it stands there,
// and what a developer tries next.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { after, afterEach, before, test } from 'node:test';
import { isFirefox, launch } from '../../web/browser.mjs';
import { Server, until } from '../../web/server.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const document = readFileSync(new URL('../../../../../docs/embed.md', import.meta.url), 'utf8');
/** The blocks of code of the document, by their language. */
const blocks = [...document.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, text]) => ({ language, text }));
const [lines, wholePage, ownUsers] = blocks.filter((b) => b.language === 'html').map((b) => b.text);
const policy = /^Content-Security-Policy: (.*)$/m.exec(document)[1];

/** The pages of a product: what each path shows, and its content security policy. */
const pages = new Map();
const product = createServer((request, response) => {
  const { html = '<!doctype html>', headers = {} } = pages.get(request.url) ?? {};
  response.writeHead(pages.has(request.url) ? 200 : 404, { 'Content-Type': 'text/html', ...headers });
  response.end(html);
});
let browser;
let server;
let origin;
/** The same pages on a host of another site. */
let elsewhere;
/** @type {import('playwright-core').BrowserContext[]} */ const contexts = [];
/** What the pages throw, and what a browser blocks. @type {string[]} */ const faults = [];

before(async () => {
  product.listen(0, '127.0.0.1');
  await once(product, 'listening');
  origin = `http://127.0.0.1:${product.address().port}`;
  elsewhere = origin.replace('127.0.0.1', 'localhost');
  const origins = [origin, elsewhere].join();
  server = await Server.make('--lobby', 'lobby', '--cors-origins', origins, '--rate-limit', 'off');
  [browser] = await Promise.all([launch(), server.start()]);
});
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
  assert.deepEqual(faults.splice(0), []);
});
after(async () => {
  await browser?.close();
  product.close();
  await server.finish();
});

const here = (html) => html.replaceAll(/http:\/\/127\.0\.0\.1:8080|https:\/\/chat\.example\.com/g, server.base);
const head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>A shop</title>';

/** Requests that fail are expected, and that a browser looks for an icon. @param {string} text */
const complain = (text) => /Cross-Origin Request Blocked|favicon/.test(text) || faults.push(text);

/** Opens a page of the product in a browser of its own. */
async function visit(html, { headers, at = origin, ...options } = {}) {
  const path = `/${pages.size}`;
  pages.set(path, { html: here(html), headers });
  const context = await browser.newContext(options);
  contexts.push(context);
  const page = await context.newPage();
  page.on('pageerror', (err) => complain(String(err.stack))); // Firefox reports here what it blocks
  page.on('console', (m) => /Content.Security.Policy|TrustedHTML/i.test(m.text()) && complain(m.text()));
  await page.goto(at + path);
  return page;
}

const field = (page) => page.getByRole('textbox', { name: /^Message to/ });
const log = (page) => page.getByRole('log');
const shows = (page, text) => log(page).getByText(text, { exact: true }).waitFor();
const streams = async () =>
  Number(/^parley_streams_open (\d+)$/m.exec(await (await fetch(`${server.base}/metrics`)).text())?.[1]);

/** Enters as a guest, by keyboard. */
async function enter(page, name) {
  await page.getByLabel('Your name').focus();
  await page.keyboard.type(name);
  await page.keyboard.press('Enter');
  await field(page).waitFor();
}

async function say(page, text) {
  await field(page).focus();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

/** A guest who uses the API, and a room of theirs. */
async function host(username, room = {}) {
  const { access_token: token } = await server.api('POST', '/v1/sessions', { username, guest: true });
  const { id } = await server.api('POST', '/v1/rooms', { handle: `of-${username}`, ...room }, token);
  const send = (text) => server.api('POST', `/v1/rooms/${id}/messages`, { text }, token);
  return { token, id, send };
}

async function check(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run('parley-room', { resultTypes: ['violations'] }));
  assert.deepEqual(
    violations.map((v) => [v.id, v.nodes.map((n) => n.html)]),
    [],
  );
}

test('two visitors talk on the page of the document, by keyboard', async () => {
  const [ada, bob] = [await visit(wholePage), await visit(wholePage)];
  await ada.getByLabel('Your name').waitFor();
  await check(ada);
  await ada.keyboard.press('Tab');
  await ada.keyboard.type('ada');
  await ada.keyboard.press('Enter');
  await field(ada).waitFor();
  await ada.keyboard.type('Which tea'); // the focus is in the field
  await ada.keyboard.press('Shift+Enter');
  await ada.keyboard.type('for <b>four</b>?');
  await ada.keyboard.press('Enter');

  await enter(bob, 'bob');
  await shows(bob, 'Which tea\nfor <b>four</b>?');
  await say(bob, 'Assam!');
  await shows(ada, 'Assam!');
  await until(async () => (await ada.locator('#news').textContent()) === 'Last: bob', 'the page gets the event');
  const snapshot = await ada.locator('parley-room').ariaSnapshot();
  for (const part of [
    'region "lobby"',
    'log "Messages in lobby"',
    'textbox "Message to lobby"',
    'button "Send"',
    'You',
  ])
    assert.ok(snapshot.includes(part), `${part} is not in:\n${snapshot}`);
  await check(ada);

  // The last message of one's own is edited, then deleted, without a mouse.
  await ada.keyboard.press('ArrowUp');
  await ada.keyboard.press('ControlOrMeta+A');
  await ada.keyboard.type('Which tea for five?');
  await ada.keyboard.press('Enter');
  await shows(bob, 'Which tea for five?');
  await ada.bringToFront(); // Firefox tells only the active window of the focus
  await log(ada).focus();
  await ada.keyboard.press('ArrowUp');
  await ada.keyboard.press('ArrowUp');
  for (const key of ['Tab', 'Tab', 'Enter']) await ada.keyboard.press(key); // Edit, Delete
  await log(ada).getByText('Delete this message?').waitFor();
  await check(ada);
  const remove = log(ada).getByRole('button', { name: 'Delete' });
  for (let tabs = 0; tabs < 3 && !(await remove.evaluate((b) => b.matches(':focus'))); tabs++)
    await ada.keyboard.press('Tab');
  await ada.keyboard.press('Enter');
  await shows(bob, 'Message deleted');
});

test('the history is loaded as the reader scrolls, and what is unread is marked', async () => {
  const { send, token, id } = await host('lena');
  for (let n = 1; n <= 118; n++) await send(`number ${n}`);
  const { access_token: reader } = await server.api('POST', '/v1/sessions', { username: 'max', guest: true });
  await server.api('PUT', `/v1/rooms/${id}/members/me`, undefined, reader);
  for (const n of [119, 120]) await send(`number ${n}`);
  const page = await visit(`${head}<body>${lines}`.replace('#lobby"', `#of-lena" token="${reader}"`));
  await shows(page, 'number 120');
  const unread = log(page).locator('.unread');
  await unread.waitFor();
  assert.equal(await unread.textContent(), 'New messages');
  assert.equal(await unread.evaluate((li) => li.nextElementSibling.querySelector('.text').textContent), 'number 119');
  await until(async () => {
    const { membership } = await server.api('GET', `/v1/rooms/${id}`, undefined, reader);
    return membership.unread_count === 0;
  }, 'what is on the screen is marked as read');

  // The message that is being read stays where it is.
  const first = log(page).getByText('number 71', { exact: true });
  const place = () => first.evaluate((el) => Math.round(el.getBoundingClientRect().top));
  await first.evaluate((el) => {
    const scroller = el.closest('[role=log]');
    scroller.scrollTop = 20;
  });
  await log(page).getByText('number 21', { exact: true }).waitFor({ state: 'attached' });
  const box = await log(page).evaluate((el) => el.getBoundingClientRect().toJSON());
  const at = await place();
  assert.ok(at > box.top - 100 && at < box.bottom, `the list has jumped: ${at} in ${JSON.stringify(box)}`);
  await server.api('POST', `/v1/rooms/${id}/messages`, { text: 'meanwhile' }, token);
  const jump = page.getByRole('button', { name: '1 new' });
  await jump.waitFor();
  assert.equal(await place(), at);
  await jump.click();
  await until(() => log(page).evaluate((el) => el.scrollHeight - el.clientHeight - el.scrollTop < 5));
  await until(() => jump.isHidden());
});

test('Tab passes over the links and buttons of the messages, but for the message that has the focus', async () => {
  const { send } = await host('tom');
  for (let n = 1; n <= 5; n++) await send(`https://example.org/a${n} and https://example.org/b${n}`);
  const page = await visit(`${head}<body>${lines}`.replace('#lobby', '#of-tom'));
  await enter(page, 'uma');
  await log(page).getByText('b5').waitFor();
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
    return page.evaluate(() => {
      const el = document.querySelector('parley-room').shadowRoot.activeElement;
      return el?.getAttribute('role') ?? el?.href ?? el?.localName;
    });
  };
  assert.equal(await press('Shift+Tab'), 'log');
  assert.equal(await press('ArrowUp', 'ArrowUp', 'Tab'), 'https://example.org/a4');
  assert.equal(await press('Tab'), 'https://example.org/b4');
  assert.equal(await press('Tab'), 'textarea');
});

test('what is written while the server is away is sent once it is back', async () => {
  const [eve, fay] = [await visit(`${head}<body>${lines}`), await visit(`${head}<body>${lines}`)];
  await enter(eve, 'eve');
  await enter(fay, 'fay');
  await say(eve, 'before');
  await shows(fay, 'before');
  await server.stop('SIGKILL');
  await eve.getByText('Reconnecting…').waitFor();
  await say(eve, 'into the dark');
  await log(eve).getByText('Sending…').waitFor();
  await server.start();
  await shows(fay, 'into the dark');
  await log(eve).getByText('Sending…').waitFor({ state: 'detached' });
  await until(() => eve.getByText('Reconnecting…').isHidden());
  for (const page of [eve, fay]) assert.equal(await log(page).getByText('into the dark', { exact: true }).count(), 1);

  // A visitor who comes back is still the same guest.
  await eve.reload();
  await field(eve).waitFor();
  await shows(eve, 'into the dark');
});

test('errors are in plain words, and a new attribute takes effect', async () => {
  const { id } = await host('gus', { kind: 'private' });
  const page = await visit(`${head}<body>${lines}<script>
    addEventListener('parley-error', (e) => { (globalThis.codes ??= []).push(e.detail.code) })</script>`);
  const alert = (text) => page.getByRole('alert').getByText(text, { exact: true }).waitFor();
  const set = (name, value) =>
    page.locator('parley-room').evaluate((el, [name, value]) => el.setAttribute(name, value), [name, value]);
  await page.getByLabel('Your name').fill('gus');
  await page.keyboard.press('Enter');
  await alert('Somebody has this name already. Choose another one.');
  await page.getByLabel('Your name').fill('hal');
  await page.keyboard.press('Enter');
  await field(page).waitFor();
  for (const room of ['#nowhere', String(id)]) {
    await set('room', room);
    await alert(`There is no room ${room} on this server, or you are not a member of it.`);
  }
  await set('room', '@gus');
  await page.getByRole('textbox', { name: 'Message to gus' }).waitFor();
  await set('room', '');
  await alert('This element needs a room: <parley-room room="#lobby">.');
  assert.equal(await page.getByRole('button', { name: 'Log out' }).count(), 0);
  await set('room', 'lobby');
  await page.getByRole('textbox', { name: 'Message to lobby' }).waitFor();
  assert.deepEqual(await page.evaluate(() => globalThis.codes), [
    'username_taken',
    'not_found',
    'not_found',
    'no_room',
  ]);
  await set('server', 'http://127.0.0.1:9'); // nothing listens there
  await alert('The server cannot be reached. Trying again…');
});

test('a page that the server does not accept says so', async () => {
  const stranger = createServer((request, response) => product.emit('request', request, response));
  stranger.listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  try {
    const at = `http://127.0.0.1:${stranger.address().port}`;
    const page = await visit(
      `${head}<body>${lines}<script>
        addEventListener('parley-error', (e) => { (globalThis.codes ??= []).push(e.detail.code) })
        const { setTimeout: wait } = globalThis // what is tried again, is at once
        globalThis.setTimeout = (f, time) => wait(f, Math.min(time, 1))</script>`,
      { at },
    );
    const text = `The chat server ${server.base} does not accept this page: ${at} is not one of its --cors-origins.`;
    await page.getByRole('alert').getByText(text).waitFor(); // before the visitor does anything
    assert.equal(await page.getByLabel('Your name').count(), 0);
    await page.getByRole('button', { name: 'Try again' }).click();
    const codes = () => page.evaluate(() => globalThis.codes);
    await until(async () => (await codes()).length >= 2);
    assert.deepEqual(await codes(), ['origin', 'origin'], 'it is tried again when the visitor says so, and only then');
    await contexts.pop().close();
  } finally {
    stranger.close();
  }
});

test('a visitor who comes back to a page that the server does not accept any more is told', async () => {
  const page = await visit(`${head}<body>${lines}`, { at: elsewhere });
  await enter(page, 'vera');
  await page.route('**/v1/**', (route) => route.abort());
  await page.reload();
  await page
    .getByRole('alert')
    .getByText(/does not accept this page/)
    .waitFor();
  await page.unroute('**/v1/**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await field(page).waitFor();
});

test('a server that accepts all pages, and no guests, says the latter', async () => {
  const closed = await Server.make('--cors-origins', '*', '--no-guests');
  await closed.start();
  try {
    const element = `<parley-room server="${closed.base}" session="storage"`;
    const page = await visit(`${head}<body>${lines.replace('<parley-room', element)}`);
    await page.getByLabel('Your name').fill('iris');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('This server lets no guests in.').waitFor();
    await contexts.pop().close();
  } finally {
    await closed.finish();
  }
});

test('a visitor of another site has a name with spaces, comes back, and logs out', async () => {
  const page = await visit(`${head}<body>${lines}`, { at: elsewhere });
  await page.getByLabel('Your name').fill('1 a');
  await page.keyboard.press('Enter');
  await page
    .getByRole('alert')
    .getByText(/^Your name must be 2 to 32 letters/)
    .waitFor();
  await check(page);
  const other = await visit(`${head}<body>${lines}`, { at: elsewhere });
  await page.getByLabel('Your name').fill('Ida Noddack');
  await page.keyboard.press('Enter');
  await field(page).waitFor();
  await enter(other, 'otto');
  await say(page, 'element 75');
  await shows(other, 'element 75');
  assert.equal(await log(other).getByText('Ida Noddack').count(), 1);
  await page.reload();
  await shows(page, 'element 75');

  // The server deletes a guest who logs out, and what the guest wrote: the element asks first.
  const logOut = page.getByRole('button', { name: 'Log out' });
  const question = page.getByRole('group', { name: 'Log out? Your name and your messages will be deleted.' });
  const isFocused = (locator) => until(() => locator.evaluate((el) => el.matches(':focus')));
  await page.bringToFront(); // Firefox tells only the active window of the focus
  await logOut.focus();
  await page.keyboard.press('Enter');
  await isFocused(question.getByRole('button', { name: 'Cancel' }));
  await check(page);
  await page.keyboard.press('Escape');
  await isFocused(logOut);
  assert.ok(await question.isHidden());
  await say(page, 'still here');
  await shows(other, 'still here');
  await logOut.click();
  await question.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Your name').waitFor();
  assert.deepEqual([await logOut.count(), await question.isHidden()], [0, true]);
  await until(async () => (await log(other).getByText('still here').count()) === 0, 'it is deleted');
  await page.reload();
  await page.getByLabel('Your name').waitFor();
});

test('an element that is not shown loads nothing more, and is right once it is shown', async () => {
  const { send } = await host('quinn');
  for (let n = 1; n <= 120; n++) await send(`number ${n}`);
  const page = await visit(`${head}<body><div id="box">${lines}</div>`.replace('#lobby', '#of-quinn'));
  const show = (is) => page.evaluate((is) => (document.getElementById('box').hidden = !is), is);
  const requests = [];
  page.on('request', (request) => /messages\?.*before/.test(request.url()) && requests.push(request.url()));
  await page.getByLabel('Your name').fill('rhea');
  await show(false);
  await page.evaluate(() => document.querySelector('parley-room').shadowRoot.querySelector('form').requestSubmit());
  await page.getByText('number 120', { exact: true }).waitFor({ state: 'attached' });
  await send('while it is hidden');
  await page.getByText('while it is hidden').waitFor({ state: 'attached' });
  assert.deepEqual(requests, []);
  await show(true);
  await page.getByText('while it is hidden').waitFor();
  await until(() => log(page).evaluate((el) => el.scrollHeight - el.clientHeight - el.scrollTop < 5));
  assert.ok((await field(page).evaluate((el) => el.clientHeight)) > 30);
});

test('it works under the policy of the document, and says what another policy forbids', async () => {
  const strict = `default-src 'none'; ${here(policy)}; require-trusted-types-for 'script'`;
  const page = await visit(`${head}<body>${lines}`, { headers: { 'Content-Security-Policy': strict } });
  await enter(page, 'jan');
  await say(page, 'by the rules');
  await shows(page, 'by the rules');
  const [left, top] = await log(page).evaluate((el) => [getComputedStyle(el).paddingLeft, el.scrollTop]);
  assert.deepEqual([left, top], ['16px', await log(page).evaluate((el) => el.scrollHeight - el.clientHeight)]);
  assert.deepEqual(faults, []);

  const closed = strict.replace(/connect-src [^;]*/, "connect-src 'self'");
  const other = await visit(`${head}<body>${lines}`, { headers: { 'Content-Security-Policy': closed } });
  const text = `The content security policy of this page does not let it connect to ${server.base}.`;
  await other.getByRole('alert').getByText(text).waitFor();
  faults.splice(0); // what the browser says of the policy
});

test('a page that has the module itself waits for the server', async () => {
  for (const name of ['embed.js', 'sdk.js']) {
    const html = readFileSync(new URL(`../../../../../sdk/${name}`, import.meta.url), 'utf8');
    pages.set(`/assets/${name}`, { html, headers: { 'Content-Type': 'text/javascript' } });
  }
  const page = await visit(`${head}<body><script type="module" src="/assets/embed.js"></script>
    <parley-room server="https://chat.example.com/" room="lobby"></parley-room>`);
  const away = page.getByRole('alert').getByText('The server cannot be reached. Trying again…');
  await page.getByLabel('Your name').waitFor();
  await server.stop('SIGKILL');
  await page.reload();
  await away.waitFor();
  await server.start();
  await enter(page, 'joe');
  await server.stop('SIGKILL');
  await page.reload();
  await away.waitFor();
  await server.start();
  await field(page).waitFor();
});

test('a user who is removed is told, and can come back', async () => {
  const { token, id } = await host('kim');
  const page = await visit(`${head}<body>${lines}`.replace('#lobby', 'of-kim'));
  await enter(page, 'leo');
  await server.api('DELETE', `/v1/rooms/${id}/members/@leo`, undefined, token);
  await page.getByText('You are not in this room any more.').waitFor();
  await page.getByRole('button', { name: 'Join again' }).click();
  await field(page).waitFor();
});

test('a message that is refused stays until it is sent or given up', async () => {
  const page = await visit(`${head}<body>${lines}<script>
    addEventListener('parley-error', (e) => { (globalThis.told ??= []).push(e.detail) })</script>`);
  await enter(page, 'mia');
  // The field itself sends no such text: the page's own script does.
  const refuse = () =>
    page.locator('parley-room').evaluate(({ client }) => void client.rooms.list[0].send('x'.repeat(8001)));
  await refuse();
  await log(page)
    .getByText(/^Not sent: text must /)
    .waitFor();
  await check(page);
  await log(page).getByRole('button', { name: 'Try again' }).click();
  await log(page)
    .getByText(/^Not sent: /)
    .waitFor();
  const told = () => page.evaluate(() => globalThis.told);
  await until(async () => (await told()).length >= 2);
  await say(page, 'between');
  await shows(page, 'between');
  const [{ code, message }, ...more] = await told();
  assert.equal(more.length, 1, 'each refusal is told once');
  assert.equal(code, 'invalid_request');
  assert.match(message, /^Not sent: text must /);
  const none = async () =>
    (await log(page)
      .getByText(/^Not sent: /)
      .count()) === 0;
  await log(page).getByRole('button', { name: 'Discard' }).click();
  await until(none);

  // Its text can be corrected. What is in the field already is not lost.
  await refuse();
  await field(page).fill('a draft');
  await log(page).locator('.failed').getByRole('button', { name: 'Edit' }).click();
  await until(none);
  assert.equal(await field(page).inputValue(), `${'x'.repeat(8001)}\na draft`);
  assert.ok(await field(page).evaluate((el) => el.matches(':focus')));
});

test('a text that is too long is not sent, and says by how much', async () => {
  const page = await visit(`${head}<body>${lines}<script>
    addEventListener('parley-error', (e) => { globalThis.told = e.detail })</script>`);
  await enter(page, 'nell');
  const emoji = '\u{1f375}'; // one character, and two units of UTF-16
  const status = page.getByRole('status').filter({ hasText: 'Characters to remove' });
  await field(page).fill(`end ${emoji.repeat(7998)}`);
  await status.getByText('Too long. Characters to remove: 2').waitFor();
  await check(page);
  await page.keyboard.press('Enter');
  assert.ok(await page.getByRole('button', { name: 'Send' }).isDisabled());
  assert.match(await field(page).inputValue(), /^end /);
  for (const key of ['Backspace', 'Backspace']) await page.keyboard.press(key);
  await until(async () => (await status.count()) === 0);
  await page.keyboard.press('Enter');
  await log(page).getByText(/^end /).waitFor();
  assert.equal(await log(page).getByText('Not sent').count(), 0);
  await until(() => page.getByText('Sending…').isHidden());

  // An edit that the server refuses is told to the page too.
  await page.route('**/v1/rooms/*/messages/*', (route) => {
    const problem = { status: 403, code: 'forbidden', detail: 'Not any more.' };
    const headers = { 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true' };
    if (route.request().method() !== 'PATCH') return route.continue();
    return route.fulfill({ status: 403, headers, json: problem, contentType: 'application/problem+json' });
  });
  await field(page).focus();
  await page.keyboard.press('ArrowUp');
  await field(page).fill('another');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('Not any more.').waitFor();
  const { code, message } = await page.evaluate(() => globalThis.told);
  assert.deepEqual([code, message], ['forbidden', 'Not any more.']);
  assert.equal(await field(page).inputValue(), 'another');
});

test('the users of a product need no form, and elements share a connection until they are removed', async () => {
  const { token, send } = await host('ned');
  pages.set('/chat-token', { html: token });
  await until(async () => (await streams()) === 0, 'the browsers of other tests are gone');
  const elements = '<parley-room room="#of-ned"></parley-room><parley-room room="#lobby"></parley-room>';
  const [, script] = /(<script.*)/s.exec(ownUsers);
  const page = await visit(`${head}<body>${elements}${elements}${script}`);
  await until(async () => (await field(page).count()) === 4);
  assert.equal(await page.getByRole('button', { name: 'Log out' }).count(), 0);
  await until(async () => (await streams()) === 1, 'four elements have one stream');
  await send('to both');
  await until(async () => (await page.getByText('to both', { exact: true }).count()) === 2);

  // One of two that show a room is removed: the other goes on. A moved element keeps its messages.
  await page.evaluate(() => {
    const [first, , third] = document.querySelectorAll('parley-room');
    first.remove();
    document.body.append(third);
  });
  await send('to the other');
  await page.getByText('to the other', { exact: true }).waitFor();
  assert.equal(await field(page).count(), 3);
  await page.evaluate(() => {
    for (const el of document.querySelectorAll('parley-room')) el.remove();
  });
  await until(async () => (await streams()) === 0, 'nothing stays open');

  // The back end of the product is away for a moment. A page may also set everything before the element is in it.
  await page.evaluate((token) => {
    const element = Object.assign(document.createElement('parley-room'), { room: 'lobby', texts: { send: 'Senden' } });
    window.isAway = true;
    element.token = () => (window.isAway ? Promise.reject(new Error('away')) : token);
    document.body.append(element);
  }, token);
  await page.getByRole('alert').getByText('This page could not log you in.').waitFor();
  await page.getByRole('button', { name: 'Try again' }).waitFor();
  await page.evaluate(() => {
    window.isAway = false;
  });
  await page.getByRole('button', { name: 'Senden' }).waitFor();
});

test('variables and parts style it, and nothing else does', async () => {
  const page = await visit(
    `${head}<style>button, textarea { background: red !important; text-transform: uppercase; letter-spacing: 9px }
      body { color: red; text-transform: uppercase }</style><body>${lines}`,
  );
  await enter(page, 'pia');
  await say(page, 'Hello');
  const style = (locator, name) => locator.evaluate((el, name) => getComputedStyle(el)[name], name);
  const bubble = log(page).locator('.own .bubble').last();
  await bubble.waitFor();
  const inside = await style(bubble, 'backgroundColor');
  assert.equal(await style(field(page), 'textTransform'), 'none');
  assert.notEqual(await style(field(page), 'backgroundColor'), 'rgb(255, 0, 0)');
  await page.addStyleTag({
    content: 'parley-room { --parley-accent: rgb(1, 2, 3) } parley-room::part(header) { display: none }',
  });
  assert.notEqual(inside, 'rgb(1, 2, 3)');
  await until(async () => (await style(bubble, 'backgroundColor')) === 'rgb(1, 2, 3)');
  assert.ok(await page.getByRole('button', { name: 'Log out' }).isHidden());
});

test(
  'it is readable in the dark, with forced colours, and at a width of 320 pixels',
  { skip: isFirefox && 'it cannot emulate them' },
  async () => {
    const viewport = { width: 320, height: 568 };
    const page = await visit(wholePage, { viewport, colorScheme: 'dark', reducedMotion: 'reduce' });
    await enter(page, 'rob');
    await say(page, `Wide${'w'.repeat(200)} https://example.org/${'path/'.repeat(40)}`);
    await log(page).getByText(/^Wide/).waitFor();
    const background = () =>
      page.locator('parley-room [part=root]').evaluate((el) => getComputedStyle(el).backgroundColor);
    assert.equal(await background(), 'rgb(23, 25, 30)');
    await check(page);
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(await width(), 320);
    assert.ok(
      await log(page).evaluate((el) => el.scrollWidth <= el.clientWidth),
      'a long word does not widen the list',
    );
    await page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await background(), 'rgb(255, 255, 255)');
    await check(page);
    await page.emulateMedia({ forcedColors: 'active' });
    await field(page).focus();
    assert.notEqual(await page.locator('[part=field]').evaluate((el) => getComputedStyle(el).outlineStyle), 'none');
  },
);
