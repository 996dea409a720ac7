// Two people talk on the example page in a real browser, while the server is killed, changes its secret and no longer knows
// where the page was. The address that it is given serves the page, and has the server killed and started:
//
//   node page.mjs http://127.0.0.1:8000 http://127.0.0.1:8080 /usr/bin/chromium

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [origin, server, executablePath] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const faults = [];

/** Somebody with a browser of their own, who is in the lobby. */
async function comeIn(username) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on('pageerror', (err) => faults.push(String(err.stack)));
  page.on('dialog', (dialog) => { faults.push(`a script ran: ${dialog.message()}`); void dialog.dismiss(); });
  await page.goto(`${origin}/page.html`);
  await page.getByPlaceholder('Your name').fill(username);
  await page.getByRole('button', { name: 'Come in' }).click();
  await page.getByPlaceholder('Say something').waitFor();
  return { context, page };
}

const control = async (what) => assert.equal((await fetch(`${origin}/${what}`, { method: 'POST' })).status, 200, what);
const say = async ({ page }, text) => {
  await page.getByPlaceholder('Say something').fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
};
const lines = ({ page }) => page.locator('li').allInnerTexts();
const shows = ({ page }, text) => page.locator('li', { hasText: text }).first().waitFor();

/** Carl is a guest who uses the API as it is, so that something is said while the pages are cut off. */
async function ask(method, path, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(server + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}
const carlSays = async (text) => {
  if (!carlSays.token) carlSays.token = (await ask('POST', '/v1/sessions', { username: 'carl', guest: true })).access_token;
  return ask('POST', '/v1/rooms/%23lobby/messages', { text }, carlSays.token);
};

const markup = '<img src=x onerror="alert(1)"><b>bold</b>';
const said = ['carl: who is here?'];
try {
  await carlSays('who is here?');
  const ada = await comeIn('ada');
  const bob = await comeIn('bob');
  const bothShow = async (line) => {
    said.push(line);
    for (const who of [ada, bob]) {
      await shows(who, line);
      assert.deepEqual((await lines(who)).map((l) => l.trim()), said);
    }
  };

  // The history, what comes live, and text that would like to be markup.
  await say(ada, markup);
  await bothShow(`ada: ${markup}`);
  assert.equal(await ada.page.locator('li *').count(), 0);

  // Edits and deletions, also of what was shown as an answer.
  const wrong = await carlSays('teh');
  await shows(bob, 'carl: teh');
  await ask('PATCH', `/v1/rooms/%23lobby/messages/${wrong.id}`, { text: 'the' }, carlSays.token);
  await bothShow('carl: the');
  await ask('DELETE', `/v1/rooms/%23lobby/messages/${wrong.id}`, undefined, carlSays.token);
  said.pop();
  await carlSays('gone');
  await bothShow('carl: gone');

  // The server is killed, Ada sends all the same, and it comes back.
  await control('kill');
  await say(ada, 'into the dark');
  await ada.page.getByText('Trying again').waitFor();
  await control('start');
  await bothShow('ada: into the dark');
  await carlSays('after the break');
  await bothShow('carl: after the break');

  // No token is good any more: the pages take new ones, and a new cookie for the stream.
  await control('secret');
  await say(bob, 'under another secret');
  await bothShow('bob: under another secret');

  // The stream cannot go on where it was: what was missed is read from the history.
  const lost = (route) => route.continue({ headers: { ...route.request().headers(), 'last-event-id': 'nowhere-1' } });
  for (const { context } of [ada, bob]) await context.route(/\/v1\/events\?/, lost, { times: 1 });
  await control('kill');
  await control('start');
  await say(ada, 'missed by the stream');
  await bothShow('ada: missed by the stream');
  await say(bob, 'and live again');
  await bothShow('bob: and live again');

  // Who comes back is still who they were.
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
