// The scenes that must pass in every browser: they run in Chromium and in Firefox.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isFirefox } from './browser.mjs';
import { isTouched, MOUSE, roomPath, scene, until } from './scene.mjs';
import {
  act,
  allSent,
  attach,
  badge,
  box,
  download,
  focused,
  join,
  makeRoom,
  myMenu,
  openRoom,
  PASSWORD,
  pictureFile,
  press,
  roomLink,
  row,
  signUp,
  texts,
  write,
} from './steps.mjs';

scene('two people write, edit and delete, and the server is killed meanwhile', async ({ person, start, stop }) => {
  const ann = await person('ann');
  const bob = await person('bob');
  await signUp(ann);
  await signUp(bob);
  await makeRoom(ann.page, 'Tea house');
  await join(bob.page, 'Tea house');
  await write(ann.page, 'Is the kettle on?');
  await focused(box(ann.page));
  await row(bob.page, 'Is the kettle on?').waitFor();
  await act(bob.page, 'Is the kettle on?', 'Reply');
  await write(bob.page, 'It is.');
  await row(ann.page, 'It is.').locator('.quote', { hasText: 'kettle' }).waitFor();
  await allSent(bob.page);
  await allSent(ann.page);

  await stop('SIGKILL');
  await write(ann.page, 'while the server is away');
  await start();
  await row(bob.page, 'while the server is away').waitFor();
  await allSent(ann.page);
  await act(ann.page, 'while the server is away', 'Edit');
  await write(ann.page, 'and back again');
  await row(bob.page, 'and back again').getByText('(edited)').waitFor();
  await act(ann.page, 'Is the kettle on?', 'More');
  await press(ann.page.getByRole('menuitem', { name: 'Delete' }));
  await press(ann.page.getByRole('button', { name: 'Delete', exact: true }));
  await row(bob.page, 'Message deleted').waitFor();
  assert.deepEqual(await texts(bob.page), ['It is.', 'and back again (edited)']);
});

scene('files are uploaded and downloaded, and unread messages are counted', async ({ person }) => {
  const cay = await person('cay');
  const dov = await person('dov');
  await signUp(cay);
  await signUp(dov);
  await makeRoom(cay.page, 'Shelf');
  await join(dov.page, 'Shelf');
  await makeRoom(dov.page, 'Elsewhere');
  await attach(cay.page, await pictureFile(cay.page, 'leaf.png', 40, 30, 'green'), {
    name: 'list.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from('milk'),
  });
  await write(cay.page, 'A leaf and a list');
  await row(cay.page, 'A leaf and a list').locator('img.loaded').waitFor();
  await write(cay.page, 'and a word');
  await until(async () => (await badge(dov.page, 'Shelf')) === 2, 'two are unread');
  await openRoom(dov.page, 'Shelf');
  await row(dov.page, 'and a word').waitFor();
  await until(async () => (await badge(dov.page, 'Shelf')) === 0, 'all is read');
  await press(row(dov.page, 'A leaf and a list').getByRole('button', { name: 'Picture leaf.png' }));
  await until(() => dov.page.locator('dialog.lightbox img').evaluate((img) => img.naturalWidth === 40));
  const room = roomPath(dov.page);
  await dov.page.evaluate(() => history.back()); // as the Back button does
  await dov.page.locator('dialog.lightbox').waitFor({ state: 'detached' });
  assert.equal(roomPath(dov.page), room);
  assert.equal(await downloadList(dov.page), 'milk');
  await dov.page.evaluate(() => history.back());
  await (
    isTouched(dov.page)
      ? roomLink(dov.page, 'Elsewhere')
      : dov.page.getByRole('heading', { name: 'Elsewhere', exact: true })
  ).waitFor(); // a phone has shown the list in between
});

scene(
  'a draft survives a reload, an input method ends a word, and a log-out deletes drafts',
  async ({ expect, person }) => {
    const eli = await person('eli');
    const { page } = eli;
    await signUp(eli);
    await makeRoom(page, 'Drafts');
    await box(page).fill('half a sent');
    await page.reload();
    await until(async () => (await box(page).inputValue()) === 'half a sent', 'the draft is there');
    await box(page).evaluate((el) => {
      el.focus();
      el.dispatchEvent(new CompositionEvent('compositionend', { bubbles: true }));
      el.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true }));
    });
    await page.keyboard.press('End');
    await page.keyboard.type('ence');
    await page.keyboard.press('Enter');
    await row(page, 'half a sentence').waitFor();
    await allSent(page);
    assert.deepEqual(await texts(page), ['half a sentence']);
    await box(page).fill('only for me');
    await myMenu(page, 'Log out');
    expect(/^401 /);
    await page.getByLabel('Username').fill('eli');
    await page.getByLabel('Password').fill(PASSWORD);
    await press(page.getByRole('button', { name: 'Log in' }));
    await openRoom(page, 'Drafts');
    await row(page, 'half a sentence').waitFor();
    assert.equal(await box(page).inputValue(), '');
  },
  [MOUSE],
);

/**
 * Downloads list.txt and returns its text. Firefox does not report downloads of object URLs, and Chromium does not give
 * the body of a response that became a download.
 */
async function downloadList(page) {
  if (!isFirefox) return readFileSync(await download(page, 'list.txt'), 'utf8');
  const answer = page.waitForResponse(/download=1$/);
  await press(page.getByRole('button', { name: 'Download list.txt' }));
  return (await answer).text();
}
