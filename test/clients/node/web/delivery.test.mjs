// Every message is shown once and in order, whatever happens to the server, the connection and the tab.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { abortRequest, setOffline, roomPath, scene, openTab, until } from './scene.mjs';
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

/** Waits until every page shows exactly these messages. */
async function expectMessages(pages, expected) {
  for (const page of pages) {
    await row(page, expected.at(-1)).waitFor();
    await allSent(page);
    // After a timeout, the assertion below reports what is missing.
    await until(async () => (await texts(page)).length >= expected.length).catch(() => {});
    assert.deepEqual(await texts(page), expected);
  }
}

scene(
  'no message is lost or shown twice when the server is killed, the network fails and pages are reloaded',
  async ({ person, start, stop }) => {
    const cara = await person('cara');
    const dan = await person('dan');
    await signUp(cara);
    await signUp(dan);
    await makeRoom(cara.page, 'Storm');
    await join(dan.page, 'Storm');
    const second = await openTab(dan.context, roomPath(dan.page));
    await box(second).waitFor();
    const everywhere = [cara.page, dan.page, second];

    const expected = [];
    const say = (text) => {
      expected.push(text);
      return write(cara.page, text);
    };
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) await say(`before ${round}.${i}`);
      await stop(round === 2 ? 'SIGTERM' : 'SIGKILL'); // pending sends may have been stored or not
      for (let i = 0; i < 3; i++) await say(`while away ${round}.${i}`);
      await cara.page.getByText('Your messages are sent when the connection is back').waitFor();
      await start();
      await allSent(cara.page);
      if (round === 1) await dan.page.reload();
    }
    await expectMessages(everywhere, expected);

    await setOffline(dan, true);
    await write(dan.page, 'from the tunnel 1');
    await write(dan.page, 'from the tunnel 2');
    await write(cara.page, 'meanwhile');
    await row(cara.page, 'meanwhile').waitFor();
    await allSent(cara.page); // only then it comes before those of the tunnel
    await setOffline(dan, false);
    await expectMessages(everywhere, [...expected, 'meanwhile', 'from the tunnel 1', 'from the tunnel 2']);
  },
);

scene('the upload of a large file resumes after an interruption', async ({ person }) => {
  const hal = await person('hal');
  await signUp(hal);
  await makeRoom(hal.page, 'Large');
  const requests = [];
  let cuts = 0;
  await hal.page.route('**/v1/uploads/*', (route) => {
    requests.push(route.request().method());
    return route.request().method() === 'PATCH' && requests.length === 2 && ++cuts
      ? abortRequest(route)
      : route.continue();
  });
  const bytes = Buffer.alloc(10 * 1024 * 1024, 'parley');
  await attach(hal.page, { name: 'large.bin', mimeType: 'application/octet-stream', buffer: bytes });
  await write(hal.page, 'it comes with this');
  await write(hal.page, 'and this does not wait for it');
  assert.ok(readFileSync(await download(hal.page, 'large.bin')).equals(bytes));
  assert.deepEqual([cuts, requests], [1, ['PATCH', 'PATCH', 'HEAD', 'PATCH', 'PATCH']]);
});

scene('tabs share one stream through a leading tab', async ({ person }) => {
  const kim = await person('kim');
  await signUp(kim);
  await makeRoom(kim.page, 'Leading');
  const follower = await openTab(kim.context, roomPath(kim.page));
  await write(follower, 'from the one that follows');
  await row(kim.page, 'from the one that follows').waitFor();
  await kim.page.close(); // another tab becomes the leader
  const third = await openTab(kim.context, roomPath(follower));
  await write(third, 'with another lead');
  await row(follower, 'with another lead').waitFor();
  assert.deepEqual(await texts(follower), ['from the one that follows', 'with another lead']);
});

scene(
  'after a restore of the database, the page reads everything again',
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
    await write(rose.page, 'after the restore');
    await expectMessages([rose.page], ['in the backup', 'after the restore']);
  },
);

scene('an unsent message survives its tab, and is sent once', async ({ person, start, stop }) => {
  const tess = await person('tess');
  await signUp(tess);
  await makeRoom(tess.page, 'Later');
  const room = roomPath(tess.page);
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
  // The first message has reached the server, but its tab got no response.
  const stored = await fetch(late.url(), { method: 'POST', headers: late.headers(), body: late.postData() });
  assert.equal(stored.status, 201);
  const next = await openTab(tess.context, room);
  const expected = ['before', 'while the server is away 1', 'while the server is away 2'];
  await expectMessages([next], expected);

  // An open tab takes over the messages of a closed tab.
  const closing = await openTab(tess.context, room);
  await row(closing, expected.at(-1)).waitFor();
  await closing.route('**/v1/rooms/*/messages', abortRequest);
  await write(closing, 'from the tab that closes');
  await row(closing, 'from the tab that closes').waitFor();
  await closing.close();
  await expectMessages([next], [...expected, 'from the tab that closes']);
});

scene('unsent messages belong to one user, and are deleted at log-out', async ({ person }) => {
  const uma = await person('uma');
  await signUp(uma);
  await makeRoom(uma.page, 'Mine');
  const room = roomPath(uma.page);
  await uma.page.route('**/v1/rooms/*/messages', abortRequest);
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
  await expectMessages([uma.page], ['the first']);
});
