// Every message once, in the order of the room, whatever happens to the server, the connection and the tab.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { lose, offline, placeOf, scene, tab, until } from './scene.mjs';
import {
  allSent,
  attach,
  box,
  download,
  join,
  makeRoom,
  myMenu,
  PASSWORD,
  press,
  row,
  signUp,
  texts,
  write,
} from './steps.mjs';

/** Every page shows these messages and no others. */
async function show(pages, expected) {
  for (const page of pages) {
    await row(page, expected.at(-1)).waitFor();
    await allSent(page);
    await until(async () => (await texts(page)).length >= expected.length).catch(() => {}); // what is missing is told below
    assert.deepEqual(await texts(page), expected);
  }
}

scene('nothing is lost or shown twice through kills, breaks and reloads', async ({ person, start, stop }) => {
  const cara = await person('cara');
  const dan = await person('dan');
  await signUp(cara);
  await signUp(dan);
  await makeRoom(cara.page, 'Storm');
  await join(dan.page, 'Storm');
  const second = await tab(dan.context, placeOf(dan.page));
  await box(second).waitFor();
  const everywhere = [cara.page, dan.page, second];

  const expected = [];
  const say = (text) => {
    expected.push(text);
    return write(cara.page, text);
  };
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 4; i++) await say(`before ${round}.${i}`);
    await stop(round === 2 ? 'SIGTERM' : 'SIGKILL'); // whatever is under way may have been stored or not
    for (let i = 0; i < 3; i++) await say(`while away ${round}.${i}`);
    await cara.page.getByText('What you write is sent when the connection is back').waitFor();
    await start();
    await allSent(cara.page);
    if (round === 1) await dan.page.reload();
  }
  await show(everywhere, expected);

  await offline(dan, true);
  await write(dan.page, 'from the tunnel 1');
  await write(dan.page, 'from the tunnel 2');
  await write(cara.page, 'meanwhile');
  await row(cara.page, 'meanwhile').waitFor();
  await offline(dan, false);
  await show(everywhere, [...expected, 'meanwhile', 'from the tunnel 1', 'from the tunnel 2']);
});

scene('a large file goes on where it was cut off', async ({ person }) => {
  const hal = await person('hal');
  await signUp(hal);
  await makeRoom(hal.page, 'Large');
  const requests = [];
  let cuts = 0;
  await hal.page.route('**/v1/uploads/*', (route) => {
    requests.push(route.request().method());
    return route.request().method() === 'PATCH' && requests.length === 2 && ++cuts ? lose(route) : route.continue();
  });
  const bytes = Buffer.alloc(10 * 1024 * 1024, 'parley');
  await attach(hal.page, { name: 'large.bin', mimeType: 'application/octet-stream', buffer: bytes });
  await write(hal.page, 'it comes with this');
  await write(hal.page, 'and this does not wait for it');
  assert.ok(readFileSync(await download(hal.page, 'large.bin')).equals(bytes));
  assert.deepEqual([cuts, requests], [1, ['PATCH', 'PATCH', 'HEAD', 'PATCH', 'PATCH']]);
});

scene('browsers without SharedWorker share one stream through a leading tab', async ({ person }) => {
  const kim = await person('kim');
  await kim.context.addInitScript(() => {
    delete globalThis.SharedWorker;
  });
  await kim.page.reload();
  await signUp(kim);
  await makeRoom(kim.page, 'Leading');
  const follower = await tab(kim.context, placeOf(kim.page));
  await write(follower, 'from the one that follows');
  await row(kim.page, 'from the one that follows').waitFor();
  await kim.page.close(); // the lead goes over
  const third = await tab(kim.context, placeOf(follower));
  await write(third, 'with another lead');
  await row(follower, 'with another lead').waitFor();
  assert.deepEqual(await texts(follower), ['from the one that follows', 'with another lead']);
});

scene(
  'a restored database is read again, whatever was on the screen',
  async ({ person, server: { folder }, start, stop }) => {
    const rose = await person('rose');
    await signUp(rose);
    await makeRoom(rose.page, 'Backup');
    await write(rose.page, 'in the backup');
    await allSent(rose.page);
    await stop('SIGTERM');
    const copy = mkdtempSync(path.join(tmpdir(), 'parley-web-copy-'));
    cpSync(folder, copy, { recursive: true });
    await start();
    await write(rose.page, 'after the backup');
    await row(rose.page, 'after the backup').waitFor();
    await allSent(rose.page);
    await stop('SIGTERM');
    const isDatabase = (name) => /^parley\.db(-wal|-shm)?$/.test(name);
    for (const name of readdirSync(folder).filter(isDatabase)) rmSync(path.join(folder, name));
    for (const name of readdirSync(copy).filter(isDatabase)) cpSync(path.join(copy, name), path.join(folder, name));
    rmSync(copy, { recursive: true });
    await start();
    await row(rose.page, 'after the backup').waitFor({ state: 'detached' });
    await write(rose.page, 'and on it goes');
    await show([rose.page], ['in the backup', 'and on it goes']);
  },
);

scene('what could not be sent outlives its tab, and is sent once', async ({ person, start, stop }) => {
  const tess = await person('tess');
  await signUp(tess);
  await makeRoom(tess.page, 'Later');
  const room = placeOf(tess.page);
  await write(tess.page, 'before');
  await allSent(tess.page);

  await stop('SIGKILL');
  const sending = tess.page.waitForRequest(
    (request) => request.method() === 'POST' && request.url().endsWith('/messages'),
  );
  await write(tess.page, 'while the server is away 1');
  await write(tess.page, 'while the server is away 2');
  const late = await sending;
  await tess.page.close();
  await start();
  // The first one has come to the server all the same, and the tab that sent it did not hear of it.
  const stored = await fetch(late.url(), { method: 'POST', headers: late.headers(), body: late.postData() });
  assert.equal(stored.status, 201);
  const next = await tab(tess.context, room);
  const expected = ['before', 'while the server is away 1', 'while the server is away 2'];
  await show([next], expected);

  // A tab that is open takes over from one that closes.
  const closing = await tab(tess.context, room);
  await row(closing, expected.at(-1)).waitFor();
  await closing.route('**/v1/rooms/*/messages', lose);
  await write(closing, 'from the tab that closes');
  await row(closing, 'from the tab that closes').waitFor();
  await closing.close();
  await show([next], [...expected, 'from the tab that closes']);
});

scene('what could not be sent is for its writer alone, and goes with a log-out', async ({ person }) => {
  const uma = await person('uma');
  await signUp(uma);
  await makeRoom(uma.page, 'Mine');
  const room = placeOf(uma.page);
  await uma.page.route('**/v1/rooms/*/messages', lose);
  await write(uma.page, 'never sent');
  await row(uma.page, 'never sent').waitFor();
  await myMenu(uma.page, 'Log out');
  await uma.page.getByRole('heading', { name: 'Log in' }).waitFor();
  assert.doesNotMatch(await uma.page.evaluate(() => JSON.stringify(localStorage)), /never sent/);
  await uma.page.unrouteAll();
  await uma.page.getByLabel('Username').fill('uma');
  await uma.page.getByLabel('Password').fill(PASSWORD);
  await press(uma.page.getByRole('button', { name: 'Log in' }));
  await uma.page.goto(room);
  await write(uma.page, 'the first');
  await show([uma.page], ['the first']);
});
