// Unreliable connections, and pages that are not in a secure context.

import assert from 'node:assert/strict';
import { abortRequest, MOUSE, setOffline, roomPath, scene, openTab, until } from './scene.mjs';
import { allSent, box, join, makeRoom, press, roomLink, row, signUp, texts, write } from './steps.mjs';

scene('over plain http, without locks, tabs share one stream and one log-in', async ({ insecureBase, person }) => {
  const zoe = await person('zoe', { base: insecureBase });
  assert.deepEqual(await zoe.page.evaluate(() => [isSecureContext, Boolean(navigator.locks)]), [false, false]);
  await signUp(zoe);
  await makeRoom(zoe.page, 'Home');
  const place = roomPath(zoe.page);
  let streams = 0;
  zoe.context.on('request', (request) => {
    if (request.url().includes('/v1/events')) streams++;
  });
  // Both tabs refresh the token.
  const [second, third] = await Promise.all([openTab(zoe.context, place), openTab(zoe.context, place)]);
  await write(second, 'from the one that follows');
  for (const page of [zoe.page, third]) await row(page, 'from the one that follows').waitFor();
  assert.equal(streams, 0, 'the new tabs have no stream of their own');
  await zoe.page.close(); // another tab becomes the leader
  await write(third, 'with another lead');
  await row(second, 'with another lead').waitFor();
  assert.equal(streams, 1);
  assert.deepEqual(await texts(second), ['from the one that follows', 'with another lead']);
  await allSent(third);
});

scene(
  'copying works outside a secure context',
  async ({ insecureBase, person }) => {
    const yan = await person('yan', { base: insecureBase });
    await signUp(yan);
    await makeRoom(yan.page, 'Copies');
    await press(yan.page.locator('.room-head').getByRole('button', { name: 'More' }));
    await press(yan.page.getByRole('menuitem', { name: 'Copy link' }));
    await yan.page.getByText('Link copied').waitFor();
  },
  [MOUSE],
);

scene(
  'a room that is opened offline is shown when the connection is back, and the banner disappears',
  async ({ person }) => {
    const vic = await person('vic');
    const wim = await person('wim');
    await signUp(vic);
    await signUp(wim);
    for (const name of ['Known', 'Unknown']) {
      await makeRoom(wim.page, name);
      await write(wim.page, `hello in ${name}`);
      await allSent(wim.page);
    }
    const unknown = roomPath(wim.page);
    await join(vic.page, 'Known');
    const known = roomPath(vic.page);
    await vic.page.goto('/#/');
    await vic.page.reload(); // no room is cached
    await roomLink(vic.page, 'Known').waitFor();
    for (const [place, failed, shown] of [
      [known, 'The messages could not be loaded', () => row(vic.page, 'hello in Known').waitFor()],
      [unknown, 'This room cannot be opened', () => vic.page.getByRole('button', { name: 'Join' }).waitFor()],
    ]) {
      await setOffline(vic, true);
      await vic.page.evaluate((to) => {
        location.hash = to;
      }, place.slice(1));
      await vic.page.getByRole('heading', { name: failed }).waitFor();
      await vic.page.getByText('You are offline.').waitFor();
      await setOffline(vic, false);
      await shown();
      await until(async () => !(await vic.page.locator('.banner').isVisible()), 'the banner disappears');
    }
    await press(vic.page.getByRole('button', { name: 'Join' }));
    await box(vic.page).waitFor();
  },
);

scene(
  'a bug in the page is not reported as a network error, nor a network error as a bug',
  async ({ expect, person }) => {
    const { page, ...tom } = await person('tom');
    await signUp({ page, ...tom });
    await page.route('**/v1/rooms?*', (route) => route.fulfill({ json: { items: null } }));
    expect(/TypeError/);
    await page.reload();
    await page.getByRole('heading', { name: 'This page has an error' }).waitFor();
    assert.equal(await page.getByText('The server is not responding').count(), 0);
    await page.unrouteAll();
    await page.route('**/v1/sessions/refresh', abortRequest);
    await press(page.getByRole('button', { name: 'Reload the page' }));
    await page.getByRole('heading', { name: 'The server is not responding' }).waitFor();
    await page.unrouteAll();
    await page.getByRole('navigation', { name: 'Rooms' }).waitFor();
  },
  [MOUSE],
);
