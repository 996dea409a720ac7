// The web client in a real browser, against a real server that is killed and started again on the way.
//
//   PARLEY_BIN  the program; it is started on a port of its own, in a folder of its own
//   CHROMIUM    the browser; /usr/bin/chromium when left out
//
// Run with: node --test web.test.mjs

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const folder = mkdtempSync(path.join(tmpdir(), 'parley-web-'));
const complaints = [];
let base, port, server, browser;

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const free = probe.address().port;
  probe.close();
  await once(probe, 'close');
  return free;
}

async function start() {
  server = spawn(process.env.PARLEY_BIN, ['serve', '--listen', `127.0.0.1:${port}`, '--data-dir', folder], { stdio: 'ignore' });
  await until(async () => (await fetch(`${base}/readyz`).catch(() => ({}))).ok);
}

async function stop(signal) {
  const gone = once(server, 'exit');
  server.kill(signal);
  await gone;
}

/** Asks until the answer is yes. */
async function until(ask, what = String(ask)) {
  for (const end = Date.now() + 20_000; !await ask();) {
    if (Date.now() > end) assert.fail(`never: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 30); });
  }
}

before(async () => {
  port = await freePort();
  base = `http://127.0.0.1:${port}`;
  await start();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});

after(async () => {
  await browser?.close();
  await stop('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

/** A person with a browser of their own. Whatever the console complains of is kept, but for what the network tells. */
async function person(username, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: base });
  return { context, page: await tab(context), username };
}

async function tab(context, address = '/') {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (m) => {
    if (['error', 'warning'].includes(m.type()) && !/Failed to load resource/.test(m.text())) complaints.push(m.text());
  });
  page.on('pageerror', (err) => complaints.push(String(err.stack)));
  await page.goto(base + address);
  return page;
}

async function signUp({ page, username }) {
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password').fill('correct horse');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('navigation', { name: 'Rooms' }).waitFor();
}

async function asGuest({ page, username }) {
  await page.getByRole('button', { name: 'Continue as a guest' }).click();
  await page.getByLabel('Username').fill(username);
  await page.getByRole('button', { name: 'Come in' }).click();
  await page.getByRole('navigation', { name: 'Rooms' }).waitFor();
}

const roomLink = (page, name) => page.getByRole('navigation', { name: 'Rooms' }).getByRole('link', { name });
const write = async (page, text) => {
  const box = page.getByRole('textbox', { name: /^Message/ });
  await box.fill(text);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
};
const texts = (page) => page.locator('li.message .text').allInnerTexts();
const sent = (page) => page.locator('li.message.pending').count().then((n) => n === 0);
const row = (page, text) => page.locator('li.message', { hasText: text }).first();
const badge = (page, name) => roomLink(page, name).locator('.badge').innerText({ timeout: 100 }).then((t) => parseInt(t, 10), () => 0);

async function act(page, text, name) {
  await row(page, text).hover();
  await row(page, text).getByRole('button', { name, exact: true }).click();
}

async function makeRoom(page, name, kind = 'Public') {
  await page.getByRole('button', { name: 'Add a channel' }).click();
  await page.getByRole('menuitem', { name: 'Create a channel' }).click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel(kind).check();
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { name, exact: true }).waitFor();
}

async function join(page, name) {
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill(name);
  await page.getByRole('option', { name: new RegExp(`${name}.*member`) }).click();
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('textbox', { name: /^Message/ }).waitFor();
}

test('two people talk: messages, edits, answers, reactions, pictures, search, a ban', async () => {
  const ada = await person('ada');
  const bob = await person('bob');
  await signUp(ada);
  await signUp(bob);
  await makeRoom(ada.page, 'Tea house');
  await join(bob.page, 'Tea house');

  await write(ada.page, 'Is the kettle on?');
  await row(bob.page, 'Is the kettle on?').waitFor();
  await write(bob.page, 'It is.');
  await row(ada.page, 'It is.').waitFor();

  await act(ada.page, 'It is.', 'Reply');
  await write(ada.page, 'Lovely.');
  await row(bob.page, 'Lovely.').locator('.quote', { hasText: 'It is.' }).waitFor();

  await ada.page.getByRole('textbox', { name: /^Message/ }).press('ArrowUp');
  await write(ada.page, 'Wonderful.');
  await row(bob.page, 'Wonderful.').getByText('(edited)').waitFor();

  await act(bob.page, 'Wonderful.', 'React');
  await bob.page.getByRole('button', { name: 'party' }).click();
  await row(ada.page, 'Wonderful.').getByRole('button', { name: '🎉, 1', exact: true }).click();
  await row(bob.page, 'Wonderful.').getByRole('button', { name: '🎉, 2, yours' }).waitFor();

  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
  const [chooser] = await Promise.all([bob.page.waitForEvent('filechooser'), bob.page.getByRole('button', { name: 'Attach files' }).click()]);
  await chooser.setFiles([{ name: 'leaf.png', mimeType: 'image/png', buffer: png }, { name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from('milk') }]);
  await write(bob.page, 'A leaf and a list');
  await row(ada.page, 'A leaf and a list').getByRole('button', { name: 'Picture leaf.png' }).click();
  await until(() => ada.page.locator('dialog.lightbox img').evaluate((img) => img.naturalWidth === 1));
  await ada.page.keyboard.press('Escape');
  const [file] = await Promise.all([ada.page.waitForEvent('download'), ada.page.getByRole('button', { name: 'Download list.txt' }).click()]);
  assert.equal(readFileSync(await file.path(), 'utf8'), 'milk');

  await ada.page.getByRole('button', { name: 'Search in this room' }).click();
  await ada.page.getByLabel('Words to look for').fill('KETTLE');
  await ada.page.locator('.hit').click();
  await until(() => row(ada.page, 'Is the kettle on?').evaluate((el) => el === document.activeElement));

  await ada.page.locator('button.name', { hasText: 'bob' }).first().click();
  await ada.page.getByRole('button', { name: 'Ban…' }).click();
  await ada.page.getByRole('button', { name: 'Ban', exact: true }).click();
  await bob.page.getByRole('heading', { name: 'This room cannot be opened' }).waitFor();
  assert.equal(await roomLink(bob.page, 'Tea house').count(), 0);
  await ada.context.close();
  await bob.context.close();
});

test('a large file goes on where it was cut off', async () => {
  const hal = await person('hal');
  await signUp(hal);
  await makeRoom(hal.page, 'Large');
  const requests = [];
  let cuts = 0;
  await hal.page.route('**/v1/uploads/*', (route) => {
    requests.push(route.request().method());
    return route.request().method() === 'PATCH' && requests.length === 2 && ++cuts ? route.abort('connectionreset') : route.continue();
  });
  const bytes = Buffer.alloc(10 * 1024 * 1024, 'parley');
  const [chooser] = await Promise.all([hal.page.waitForEvent('filechooser'), hal.page.getByRole('button', { name: 'Attach files' }).click()]);
  await chooser.setFiles({ name: 'large.bin', mimeType: 'application/octet-stream', buffer: bytes });
  await write(hal.page, 'it comes with this');
  await write(hal.page, 'and this does not wait for it');
  const [file] = await Promise.all([hal.page.waitForEvent('download'), hal.page.getByRole('button', { name: 'Download large.bin' }).click()]);
  assert.ok(readFileSync(await file.path()).equals(bytes));
  assert.deepEqual([cuts, requests], [1, ['PATCH', 'PATCH', 'HEAD', 'PATCH', 'PATCH']]);
  await hal.context.close();
});

test('hostile text is text', async () => {
  const eve = await person('eve');
  await signUp(eve);
  await makeRoom(eve.page, 'Traps');
  const texts = ['<img src=x onerror="document.title=1"><script>document.title=2</script>', 'javascript:alert(1) data:text/html,x', 'x'.repeat(8000), '\u202Edesrever \u0007 bell'];
  for (const text of texts) await write(eve.page, text);
  await until(() => sent(eve.page));
  await row(eve.page, '<script>').waitFor();
  assert.equal(await eve.page.locator('.messages img, .messages script, .messages a').count(), 0);
  await write(eve.page, 'see https://example.org/a_(b), and `https://example.org/not`');
  const link = eve.page.locator('.messages a');
  assert.equal(await link.getAttribute('href'), 'https://example.org/a_(b)');
  assert.match(await link.getAttribute('rel'), /noopener/);
  assert.equal(await eve.page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
  await eve.context.close();
});

test('nothing is lost or shown twice through kills, breaks and reloads', async () => {
  const cara = await person('cara');
  const dan = await person('dan');
  await signUp(cara);
  await signUp(dan);
  await makeRoom(cara.page, 'Storm');
  await join(dan.page, 'Storm');
  const second = await tab(dan.context, new URL(dan.page.url()).hash ? `/${new URL(dan.page.url()).hash}` : '/');
  await second.getByRole('textbox', { name: /^Message/ }).waitFor();

  const expected = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 4; i++) {
      expected.push(`before ${round}.${i}`);
      await write(cara.page, expected.at(-1));
    }
    await stop(round === 2 ? 'SIGTERM' : 'SIGKILL'); // whatever is under way may have been stored or not
    for (let i = 0; i < 3; i++) {
      expected.push(`while away ${round}.${i}`);
      await write(cara.page, expected.at(-1));
    }
    await cara.page.getByText('What you write is sent when the connection is back').waitFor();
    await start();
    await until(() => sent(cara.page), 'all is sent');
    if (round === 1) await dan.page.reload();
  }
  for (const page of [cara.page, dan.page, second]) {
    await row(page, expected.at(-1)).waitFor();
    await until(async () => (await texts(page)).length >= expected.length);
    assert.deepEqual(await texts(page), expected);
  }

  await dan.context.setOffline(true);
  await write(dan.page, 'from the tunnel 1');
  await write(dan.page, 'from the tunnel 2');
  await write(cara.page, 'meanwhile');
  await row(cara.page, 'meanwhile').waitFor();
  await dan.context.setOffline(false);
  expected.push('meanwhile', 'from the tunnel 1', 'from the tunnel 2');
  for (const page of [cara.page, dan.page, second]) {
    await row(page, 'from the tunnel 2').waitFor();
    await until(() => sent(page));
    await until(async () => (await texts(page)).includes('meanwhile'));
    assert.deepEqual(await texts(page), expected);
  }
  await cara.context.close();
  await dan.context.close();
});

test('unread counts are exact, on both devices, and go when the messages were seen', async () => {
  const fay = await person('fay');
  const gus = await person('gus');
  await signUp(fay);
  await signUp(gus);
  await makeRoom(fay.page, 'Counting');
  await join(gus.page, 'Counting');
  await makeRoom(gus.page, 'Elsewhere');
  const phone = await tab(gus.context);
  await roomLink(phone, 'Counting').waitFor();
  for (let i = 1; i <= 3; i++) await write(fay.page, `message ${i}`);
  // Two come while the other tab is reading its rooms: they are in the answer, and come as events too.
  await phone.route('**/v1/rooms?*', async (route) => {
    for (let i = 4; i <= 5; i++) await write(fay.page, `message ${i}`);
    await until(async () => await badge(gus.page, 'Counting') === 5, 'the stream of both tabs had them');
    await route.continue();
  }, { times: 1 });
  await phone.reload();
  await until(async () => await badge(gus.page, 'Counting') === 5 && await badge(phone, 'Counting') === 5, 'five unread');
  await act(fay.page, 'message 3', 'More');
  await fay.page.getByRole('menuitem', { name: 'Delete' }).click();
  await fay.page.getByRole('button', { name: 'Delete', exact: true }).click();
  await until(async () => await badge(gus.page, 'Counting') === 4 && await badge(phone, 'Counting') === 4, 'four unread');
  await gus.page.bringToFront();
  await roomLink(gus.page, 'Counting').click();
  await until(async () => await badge(gus.page, 'Counting') === 0 && await badge(phone, 'Counting') === 0, 'none unread');
  assert.equal(await gus.page.locator('.new-line').count(), 1);
  await fay.context.close();
  await gus.context.close();
});

test('a long history is read in pages, keeps its place, and is jumped into', async () => {
  const ian = await person('ian');
  await signUp(ian);
  await makeRoom(ian.page, 'Archive');
  const room = Number(/rooms\/(\d+)/.exec(ian.page.url())[1]);
  const login = await (await fetch(`${base}/v1/sessions`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"username":"ian","password":"correct horse"}' })).json();
  for (let i = 1; i <= 420; i++) {
    await fetch(`${base}/v1/rooms/${room}/messages`, { method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${login.access_token}` }, body: JSON.stringify({ text: `line ${i}` }) });
  }
  await ian.page.reload();
  await row(ian.page, 'line 420').waitFor();
  const scroller = ian.page.locator('.scroller');
  for (let i = 0; i < 12; i++) {
    await scroller.evaluate((el) => { el.scrollTop = 0; });
    await until(() => ian.page.locator('.timeline-edge .spinner').count().then((n) => n === 0));
    if (await ian.page.locator('.beginning').count()) break;
  }
  await ian.page.locator('.beginning').waitFor();
  const numbers = (await texts(ian.page)).map((t) => Number(t.slice(5)));
  assert.deepEqual(numbers, numbers.map((_, i) => i + 1), 'the lines from the first one on, each once');
  await ian.page.getByRole('button', { name: 'To the newest message' }).click();
  await row(ian.page, 'line 420').waitFor();
  await ian.page.goto(`${base}/#/rooms/${room}/100`);
  await until(() => ian.page.locator('li.message[data-id="100"]').evaluate((el) => el === document.activeElement));
  await until(async () => { // down again, page by page, up to the end
    await scroller.evaluate((el) => { el.scrollTop = el.scrollHeight; });
    return (await texts(ian.page)).includes('line 420');
  });
  const down = (await texts(ian.page)).map((t) => Number(t.slice(5)));
  assert.deepEqual(down, down.map((_, i) => down[0] + i));
  await ian.context.close();
});

test('a guest becomes an account and keeps everything; a log-out reaches all tabs', async () => {
  const joe = await person('joe');
  await asGuest(joe);
  await makeRoom(joe.page, 'Mine');
  await write(joe.page, 'kept');
  await until(() => sent(joe.page));
  await joe.page.getByRole('button', { name: 'Keep account' }).click();
  await joe.page.getByLabel('Password').fill('correct horse');
  await joe.page.getByRole('button', { name: 'Create account' }).click();
  await joe.page.getByText('@joe').waitFor();
  await row(joe.page, 'kept').waitFor();
  const other = await tab(joe.context);
  await roomLink(other, 'Mine').waitFor();
  await joe.page.getByRole('button', { name: 'Your menu' }).click();
  await joe.page.getByRole('menuitem', { name: 'Log out' }).click();
  for (const page of [joe.page, other]) await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await joe.context.close();
});

test('browsers without SharedWorker share one stream through a leading tab', async () => {
  const kim = await person('kim');
  await kim.context.addInitScript(() => { delete globalThis.SharedWorker; });
  await kim.page.reload();
  await signUp(kim);
  await makeRoom(kim.page, 'Leading');
  const follower = await tab(kim.context, `/${new URL(kim.page.url()).hash}`);
  await write(follower, 'from the one that follows');
  await row(kim.page, 'from the one that follows').waitFor();
  await kim.page.close(); // the lead goes over
  const third = await tab(kim.context, `/${new URL(follower.url()).hash}`);
  await write(third, 'with another lead');
  await row(follower, 'with another lead').waitFor();
  assert.deepEqual(await texts(follower), ['from the one that follows', 'with another lead']);
  await kim.context.close();
});

test('rooms: invites, roles, pins, settings, muting, and the end', async () => {
  const mia = await person('mia');
  const ned = await person('ned');
  await signUp(mia);
  await signUp(ned);
  await makeRoom(mia.page, 'Attic', 'Private');
  const menu = async (page, name) => {
    await page.locator('.room-head').getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name }).click();
  };
  await menu(mia.page, 'Invite people');
  await mia.page.getByRole('button', { name: 'Make a link' }).click();
  await mia.page.locator('.invite-code').waitFor();
  const link = await mia.page.evaluate(() => navigator.clipboard.readText());
  await mia.page.keyboard.press('Escape');
  await ned.page.goto(link);
  await ned.page.getByRole('button', { name: 'Join' }).click();
  await write(ned.page, 'hello from the invite');

  await row(mia.page, 'hello from the invite').getByRole('button', { name: 'ned' }).click();
  await mia.page.getByLabel('Role').selectOption('moderator');
  await until(async () => {
    await ned.page.locator('.room-head').getByRole('button', { name: 'More' }).click();
    const may = await ned.page.getByRole('menuitem', { name: 'Room settings' }).count();
    await ned.page.keyboard.press('Escape');
    return may;
  }, 'a moderator may change the room');
  await mia.page.keyboard.press('Escape');

  await act(ned.page, 'hello from the invite', 'More');
  await ned.page.getByRole('menuitem', { name: 'Pin', exact: true }).click();
  await row(mia.page, 'hello from the invite').getByText('Pinned').waitFor();

  await menu(ned.page, 'Room settings');
  await ned.page.getByLabel('Name', { exact: true }).fill('Cellar');
  await ned.page.getByRole('button', { name: 'Save' }).click();
  await mia.page.getByRole('heading', { name: 'Cellar', exact: true }).waitFor();
  await ned.page.keyboard.press('Escape');

  await menu(ned.page, 'Mute');
  await roomLink(ned.page, 'Cellar').getByText('muted').waitFor({ state: 'attached' });
  await makeRoom(ned.page, 'Quiet');
  await write(mia.page, 'nobody is told of this');
  await until(() => sent(mia.page));
  await roomLink(ned.page, 'Cellar').click();
  await row(ned.page, 'nobody is told of this').waitFor();
  await write(mia.page, 'but this is seen at once');
  await row(ned.page, 'but this is seen at once').waitFor();

  await menu(mia.page, 'Room settings');
  await mia.page.getByRole('button', { name: 'Delete the room…' }).click();
  await mia.page.getByRole('button', { name: 'Delete', exact: true }).click();
  await ned.page.getByRole('heading', { name: 'This room cannot be opened' }).waitFor();
  await until(async () => await roomLink(mia.page, 'Cellar').count() === 0);
  await mia.context.close();
  await ned.context.close();
});

test('people: direct messages, who is online, contacts, blocks', async () => {
  const oda = await person('oda');
  const per = await person('per');
  await signUp(oda);
  await signUp(per);
  await oda.page.keyboard.press('Control+k');
  await oda.page.getByRole('combobox').fill('per');
  await oda.page.getByRole('option', { name: '@per' }).click();
  await write(oda.page, 'between us');
  await until(async () => await badge(per.page, 'oda') === 1);
  await roomLink(per.page, 'oda').click();
  await row(per.page, 'between us').waitFor();
  await oda.page.locator('.room-head').getByText('Online').waitFor();
  await per.page.getByRole('textbox', { name: /^Message/ }).pressSequentially('hm');
  await oda.page.locator('.typing', { hasText: 'per is typing' }).waitFor();
  await oda.page.getByRole('button', { name: 'Profile of per' }).click();
  await oda.page.getByRole('button', { name: 'Add to contacts' }).click();
  await oda.page.getByRole('button', { name: 'Remove from contacts' }).waitFor();
  await oda.page.getByRole('button', { name: 'Block', exact: true }).click();
  await oda.page.getByRole('button', { name: 'Unblock' }).waitFor();
  await oda.page.keyboard.press('Escape');
  await write(per.page, 'are you there?');
  await row(per.page, 'are you there?').getByText(/Not sent/).waitFor();
  await oda.page.getByRole('button', { name: 'Profile of per' }).click();
  await oda.page.getByRole('button', { name: 'Unblock' }).click();
  await oda.page.keyboard.press('Escape');
  await row(per.page, 'are you there?').getByRole('button', { name: 'Send again' }).click();
  await row(oda.page, 'are you there?').waitFor();
  assert.deepEqual(await texts(oda.page), ['between us', 'are you there?']);
  await per.context.close();
  await oda.page.locator('.room-head').getByText('Last seen').waitFor();
  await oda.context.close();
});

test('tabs that refresh at once keep their session, and a log-out elsewhere is told', async () => {
  const quin = await person('quin');
  await signUp(quin);
  const tabs = [quin.page, await tab(quin.context), await tab(quin.context)];
  let refused = 0;
  let refreshing = 0;
  let most = 0;
  for (const page of tabs) {
    await page.route('**/v1/users/me/password', (route) => (refused++ && refused > tabs.length ? route.continue() : route.fulfill({
      status: 401, contentType: 'application/problem+json', body: JSON.stringify({ type: 'about:blank', title: 'Unauthorized', status: 401, code: 'token_expired' }),
    })));
    await page.route('**/v1/sessions/refresh', async (route) => {
      most = Math.max(most, ++refreshing);
      await until(() => refused >= tabs.length, 'all tabs were refused');
      for (const other of tabs) await other.evaluate(() => new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); }));
      await route.continue();
      refreshing--;
    });
    await page.getByRole('button', { name: 'Your menu' }).click();
    await page.getByRole('menuitem', { name: 'Profile and account' }).click();
    await page.getByLabel('Current password').fill('wrong on purpose');
    await page.getByLabel('New password').fill('correct horse 2');
  }
  await Promise.all(tabs.map((page) => page.getByRole('button', { name: 'Change password' }).click()));
  for (const page of tabs) await page.getByText('The current password is another one.').waitFor(); // refused for the password, not for the session
  assert.equal(most, 1, 'a refresh token was about to be spent twice');
  const login = await (await fetch(`${base}/v1/sessions`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"username":"quin","password":"correct horse"}' })).json();
  const headers = { Authorization: `Bearer ${login.access_token}`, 'Content-Type': 'application/json' };
  await fetch(`${base}/v1/users/me/password`, { method: 'PUT', headers, body: '{"current_password":"correct horse","new_password":"correct horse 3"}' });
  for (const page of tabs) await page.getByText('Your password was changed on another device').waitFor();
  await quin.context.close();
});

test('a restored database is read again, whatever was on the screen', async () => {
  const rose = await person('rose');
  await signUp(rose);
  await makeRoom(rose.page, 'Backup');
  await write(rose.page, 'in the backup');
  await until(() => sent(rose.page));
  await stop('SIGTERM');
  const copy = mkdtempSync(path.join(tmpdir(), 'parley-web-copy-'));
  cpSync(folder, copy, { recursive: true });
  await start();
  await write(rose.page, 'after the backup');
  await row(rose.page, 'after the backup').waitFor();
  await until(() => sent(rose.page));
  await stop('SIGTERM');
  for (const name of ['parley.db', 'parley.db-wal', 'parley.db-shm']) rmSync(path.join(folder, name), { force: true });
  for (const name of readdirSync(copy)) if (/^parley\.db(-wal|-shm)?$/.test(name)) cpSync(path.join(copy, name), path.join(folder, name));
  rmSync(copy, { recursive: true });
  await start();
  await row(rose.page, 'after the backup').waitFor({ state: 'detached' });
  await write(rose.page, 'and on it goes');
  await row(rose.page, 'and on it goes').waitFor();
  await until(() => sent(rose.page));
  assert.deepEqual(await texts(rose.page), ['in the backup', 'and on it goes']);
  await rose.context.close();
});

for (const [name, options] of Object.entries({
  desk: { viewport: { width: 1440, height: 900 }, colorScheme: 'light' }, phone: { viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true },
})) {
  test(`axe finds nothing, on a ${name}`, async () => {
    const lea = await person(`lea-${name}`, { ...options, bypassCSP: true });
    await check(lea.page, 'log-in');
    await signUp(lea);
    await check(lea.page, 'rooms');
    await makeRoom(lea.page, `Look ${name}`);
    await write(lea.page, 'Some `code` and https://example.org');
    await until(() => sent(lea.page));
    await row(lea.page, 'Some').hover();
    await check(lea.page, 'room');
    await lea.page.getByRole('button', { name: /^Members/ }).click();
    await lea.page.locator('.person').waitFor();
    await check(lea.page, 'members');
    await lea.page.getByRole('button', { name: 'Close members' }).click();
    await lea.page.locator('.room-head').getByRole('button', { name: 'More' }).click();
    await check(lea.page, 'menu');
    await lea.page.getByRole('menuitem', { name: 'Room settings' }).click();
    await lea.page.getByText('Nobody is banned.').waitFor();
    await check(lea.page, 'settings');
    assert.equal(await lea.page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
    await lea.context.close();
  });
}

async function check(page, where) {
  await page.evaluate(axe);
  await page.evaluate(() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {}))));
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  assert.deepEqual(violations.map((v) => [v.id, v.nodes.map((n) => n.html)]), [], where);
}

test('the console has nothing to complain of', () => {
  assert.deepEqual(complaints, []);
});
