// Two people chat on the example page in a real browser, while the server is killed, changes its secret, and does not
// know the page's cursor any more. The first address serves the page, and kills and starts the server on request:
//
//   node page.mjs http://127.0.0.1:8000 http://127.0.0.1:8080 /usr/bin/chromium

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [origin, server, executablePath] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const faults = [];

/** A person with their own browser who enters the lobby. The function runs before their stream opens. */
async function enterLobby(username, meanwhile = async () => {}) {
  const context = await browser.newContext();
  await beforeStream(context, meanwhile);
  const page = await context.newPage();
  page.on('pageerror', (err) => faults.push(String(err.stack)));
  page.on('dialog', (dialog) => {
    faults.push(`a script ran: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(`${origin}/page.html`);
  await page.getByPlaceholder('Your name').fill(username);
  await page.getByRole('button', { name: 'Come in' }).click();
  await page.getByPlaceholder('Say something').waitFor();
  return { context, page };
}

/** Runs a function before each stream that the page opens, which may start from another cursor. */
const beforeStream = (context, happen, cursor = '$1') =>
  context.route(/\/v1\/events\?/, async (route) => {
    const url = route.request().url();
    if (url === context.lastStream) return route.continue(); // the browser reconnects
    context.lastStream = url;
    await happen();
    return route.continue({ url: url.replace(/(?<=last_event_id=)(.*)/, cursor) });
  });

const control = async (what) => assert.equal((await fetch(`${origin}/${what}`, { method: 'POST' })).status, 200, what);
const say = async ({ page }, text) => {
  await page.getByPlaceholder('Say something').fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
};
const lines = ({ page }) => page.locator('li').allInnerTexts();
const shows = ({ page }, text) => page.locator('li', { hasText: text }).first().waitFor();

/** Carl and Dave are guests who use the API directly, so that they can write while the pages are disconnected. */
async function request(method, path, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(server + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}
const guest = async (username) => (await request('POST', '/v1/sessions', { username, guest: true })).access_token;
const carl = await guest('carl');
const carlSays = (text) => request('POST', '/v1/rooms/%23lobby/messages', { text }, carl);
const daveSays = async (text) => request('POST', '/v1/rooms/%23lobby/messages', { text }, await guest('dave'));

const markup = '<img src=x onerror="alert(1)"><b>bold</b>';
const said = ['carl: who is here?', 'carl: before the stream'];
try {
  await carlSays('who is here?');
  const ada = await enterLobby('ada');
  const bob = await enterLobby('bob', () => carlSays('before the stream'));
  const bothShow = async (line) => {
    said.push(line);
    for (const who of [ada, bob]) {
      await shows(who, line);
      assert.deepEqual(
        (await lines(who)).map((l) => l.trim()),
        said,
      );
    }
  };

  // The history, live messages, and text that looks like markup.
  await say(ada, markup);
  await bothShow(`ada: ${markup}`);
  assert.equal(await ada.page.locator('li *').count(), 0);

  // Edits and deletions.
  const wrong = await carlSays('teh');
  await shows(bob, 'carl: teh');
  await request('PATCH', `/v1/rooms/%23lobby/messages/${wrong.id}`, { text: 'the' }, carl);
  await bothShow('carl: the');
  await request('DELETE', `/v1/rooms/%23lobby/messages/${wrong.id}`, undefined, carl);
  said.pop();
  await carlSays('gone');
  await bothShow('carl: gone');

  // Ada sends a message while the server is killed, and it is restarted.
  await control('kill');
  await say(ada, 'into the dark');
  await ada.page.getByText('Trying again').waitFor();
  await control('start');
  await bothShow('ada: into the dark');
  await carlSays('after the break');
  await bothShow('carl: after the break');

  // All tokens are invalid: the pages get new ones, and a new cookie for the stream. The new streams cannot resume from
  // the cursor of the history, so the history is read again, with the messages sent meanwhile.
  let spoken;
  const speech = new Promise((resolve) => {
    spoken = resolve;
  });
  let missed;
  const miss = () =>
    speech.then(() => {
      missed ??= daveSays('missed by the stream');
      return missed;
    });
  for (const { context } of [ada, bob]) await beforeStream(context, miss, 'nowhere-1');
  await control('secret');
  await say(bob, 'under another secret');
  await shows(bob, 'bob: under another secret');
  said.push('bob: under another secret');
  spoken();
  await bothShow('dave: missed by the stream');
  for (const { context } of [ada, bob]) await context.unrouteAll();
  await say(bob, 'and live again');
  await bothShow('bob: and live again');

  // After a reload, Ada is still the same user.
  await ada.page.reload();
  await ada.page.locator('[name=username]:disabled').waitFor();
  await ada.page.getByRole('button', { name: 'Come in' }).click();
  await bothShow(said.pop());
  await say(ada, 'me again');
  await bothShow('ada: me again');
  assert.deepEqual(faults, []);
} finally {
  await browser.close();
}
