// What the client looks like to eyes, to screen readers and to the keyboard, and how little it takes to show it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { person, scene } from './scene.mjs';
import {
  act, allSent, attach, box, fitsWidth, focused, makeRoom, myMenu, pictureFile, roomMenu, row, signUp, texts, write,
} from './steps.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const SCREENS = { desk: { viewport: { width: 1280, height: 800 } }, phone: { viewport: { width: 390, height: 844 }, hasTouch: true } };
for (const [name, screen] of Object.entries(SCREENS)) {
  for (const colorScheme of ['light', 'dark']) {
    scene(`axe finds nothing, on a ${name} in the ${colorScheme}`, async () => {
      const lea = await person(`lea-${name}-${colorScheme}`, { ...screen, colorScheme, bypassCSP: true });
      await beforeRooms(lea);
      await aroundRoom(lea.page, `Look ${name} ${colorScheme}`);
      await insideRoom(lea.page);
      await aboutPeople(lea.page);
    });
  }
}

/** Holds what the page shows against the rules of WCAG, and to the width of the screen. */
async function check(page, where) {
  await page.evaluate(axe);
  await page.evaluate(() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {}))));
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  assert.deepEqual(violations.map((v) => [v.id, v.nodes.map((n) => n.html)]), [], where);
  assert.ok(await fitsWidth(page), `${where} is wider than the screen`);
}

async function beforeRooms(lea) {
  await lea.page.getByRole('heading', { name: 'Log in' }).waitFor();
  await check(lea.page, 'log-in');
  await lea.page.getByRole('button', { name: 'Continue as a guest' }).click();
  await check(lea.page, 'guest');
  await signUp(lea);
  await check(lea.page, 'rooms');
}

async function aroundRoom(page, name) {
  await page.getByRole('button', { name: 'Add a channel' }).click();
  await check(page, 'menu of rooms');
  await page.keyboard.press('Escape');
  await makeRoom(page, name);
  await check(page, 'empty room');
  await write(page, 'Some `code` and https://example.org');
  await allSent(page);
  await act(page, 'Some', 'Reply');
  await check(page, 'answering');
  await write(page, 'An answer');
  await attach(page, await pictureFile(page, 'sky.png', 400, 300, 'steelblue'), { name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from('milk') });
  await write(page, 'Attached');
  await row(page, 'Attached').locator('img.loaded').waitFor();
  await act(page, 'Attached', 'React');
  await check(page, 'choice of emoji');
  await page.getByRole('button', { name: 'party' }).click();
  await row(page, 'Attached').getByRole('button', { name: '🎉, 1, yours' }).waitFor();
  await act(page, 'Some', 'More');
  await page.getByRole('menuitem', { name: 'Pin', exact: true }).click();
  await row(page, 'Some').getByText('Pinned').waitFor();
  await check(page, 'room');
  await row(page, 'Attached').getByRole('button', { name: 'Picture sky.png' }).click();
  await page.locator('dialog.lightbox img').waitFor();
  await check(page, 'picture');
  await page.keyboard.press('Escape');
}

async function insideRoom(page) {
  await page.getByRole('button', { name: /^Members/ }).click();
  await page.locator('.person').waitFor();
  await check(page, 'members');
  await page.getByRole('button', { name: 'Close members' }).click();
  await page.getByRole('button', { name: 'Search in this room' }).click();
  await page.getByLabel('Words to look for').fill('answer');
  await page.locator('.hit').waitFor();
  await check(page, 'search');
  await page.getByRole('button', { name: 'Close search' }).click();
  await roomMenu(page, 'Pinned messages');
  await page.locator('.hit').waitFor();
  await check(page, 'pins');
  await page.getByRole('button', { name: 'Close pinned messages' }).click();
  await roomMenu(page);
  await check(page, 'menu of the room');
  await page.getByRole('menuitem', { name: 'Room settings' }).click();
  await page.getByText('Nobody is banned.').waitFor();
  await check(page, 'settings');
  await page.keyboard.press('Escape');
}

async function aboutPeople(page) {
  await page.locator('button.name').first().click();
  await page.locator('dialog').waitFor();
  await check(page, 'profile of somebody');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('Look');
  await page.getByRole('option', { name: /Messages with/ }).waitFor();
  await check(page, 'switcher');
  await page.keyboard.press('Escape');
  const back = page.getByRole('button', { name: 'Back to the rooms' });
  if (await back.isVisible()) await back.click();
  await myMenu(page, 'Profile and account');
  await page.getByLabel('New password').waitFor();
  await check(page, 'own profile');
  await page.keyboard.press('Escape');
  await myMenu(page, 'Contacts and blocked people');
  await page.locator('dialog').waitFor();
  await check(page, 'contacts');
}

scene('the keyboard is enough, and the focus is never lost', async () => {
  const { page } = await person('kay');
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  await focused(page.getByLabel('Username'));
  await page.getByRole('button', { name: 'Create an account' }).focus();
  await press('Enter');
  await focused(page.getByLabel('Username'));
  await page.keyboard.type('kay');
  await press('Tab', 'Tab');
  await focused(page.getByLabel('Password'));
  await page.keyboard.type('correct horse');
  await press('Enter');

  const add = page.getByRole('button', { name: 'Add a channel' });
  await add.focus();
  await press('Enter');
  await focused(page.getByRole('menuitem', { name: 'Create a channel' }));
  await press('ArrowDown', 'Escape'); // the menu gives the focus back
  await focused(add);
  await press('Enter', 'Enter');
  await focused(page.getByLabel('Name', { exact: true }));
  await page.keyboard.type('Keys');
  await press('Enter');
  await focused(box(page)); // where one writes
  for (const text of ['one', 'two']) {
    await page.keyboard.type(text);
    await press('Enter');
  }
  await allSent(page);

  await press('Shift+Tab', 'Shift+Tab'); // past the button for files, to the newest message
  await focused(row(page, 'two'));
  await press('ArrowUp');
  await focused(row(page, 'one'));
  await row(page, 'one').getByRole('button', { name: 'Reply' }).focus();
  await press('Enter');
  await focused(box(page));
  await page.keyboard.type('three');
  await press('Enter');
  await row(page, 'three').locator('.quote', { hasText: 'one' }).waitFor();

  const search = page.getByRole('button', { name: 'Search in this room' });
  await search.focus();
  await press('Enter');
  await focused(page.getByLabel('Words to look for'));
  await press('Escape');
  await focused(search);
  await press('Control+k');
  await focused(page.getByRole('combobox'));
  await page.keyboard.type('keys');
  await press('Escape');
  await focused(search);
});

scene('hostile text is text', async () => {
  const { page } = await signedUp('eve');
  await makeRoom(page, 'Traps');
  const traps = [
    '<img src=x onerror="document.title=1"><script>document.title=2</script>', 'javascript:alert(1) data:text/html,x',
    'x'.repeat(8000), '🦊'.repeat(200), `👩🏽‍🚀 ${'e' + '\u0301'.repeat(200)}`, 'one\r\n\r\n<b>two</b> &amp; three',
  ];
  for (const text of traps) await write(page, text);
  await allSent(page);
  assert.deepEqual(await texts(page), traps.map((text) => text.replace(/\r\n/g, '\n')));
  await write(page, '\u202Edesrever \u0007 bell');
  await row(page, 'desrever').waitFor();
  assert.match((await texts(page)).at(-1), /\u2407/, 'a control character is shown as its picture');
  await page.reload(); // as the server tells them, not as they were typed
  await row(page, 'desrever').waitFor();
  assert.equal((await texts(page))[0], traps[0]);
  assert.equal(await page.locator('.messages img, .messages script, .messages a, .messages b').count(), 0);
  assert.ok(await fitsWidth(page));
  const cut = await page.locator('.messages .text').evaluateAll((all) => all.filter((el) => el.scrollWidth > el.clientWidth).map((el) => el.textContent.slice(0, 20)));
  assert.deepEqual(cut, [], 'long words are broken, not cut off');

  await write(page, 'see https://example.org/a_(b), and `https://example.org/not`');
  const link = page.locator('.messages a');
  assert.equal(await link.getAttribute('href'), 'https://example.org/a_(b)');
  assert.match(await link.getAttribute('rel'), /noopener/);
});

scene('a name cannot turn the text around it', async () => {
  const { page } = await person('mal');
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByLabel('Username').fill('mal');
  await page.getByLabel('Name to show').fill('\u202E<b>nimda</b>');
  await page.getByLabel('Password').fill('correct horse');
  await page.getByRole('button', { name: 'Create account' }).click();
  await makeRoom(page, 'Names');
  await write(page, 'who am I?');
  await allSent(page);
  const name = row(page, 'who am I?').locator('bdi').first();
  assert.equal(await name.textContent(), '<b>nimda</b>');
});

scene('the first screen is less than 100 KB', async () => {
  const { page } = await person('newcomer');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await page.waitForLoadState('load');
  const bytes = await page.evaluate(() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .map((entry) => [new URL(entry.name).pathname, entry.transferSize]));
  const sum = bytes.reduce((total, [, size]) => total + size, 0);
  assert.ok(sum > 30_000, 'the count has missed the most of it');
  assert.ok(sum < 100_000, `${sum} bytes: ${bytes.map((b) => b.join(' ')).join(', ')}`);
});

async function signedUp(username) {
  const somebody = await person(username);
  await signUp(somebody);
  return somebody;
}
