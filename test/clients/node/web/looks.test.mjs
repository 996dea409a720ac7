// Accessibility, use by keyboard, hostile texts, and the size of the first page.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { MOUSE, scene } from './scene.mjs';
import {
  act,
  allSent,
  attach,
  box,
  dismiss,
  find,
  fitsWidth,
  focused,
  makeRoom,
  myMenu,
  pictureFile,
  press,
  roomMenu,
  row,
  signUp,
  texts,
  write,
} from './steps.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

for (const colorScheme of ['light', 'dark']) {
  scene(`axe finds no violations in ${colorScheme} mode`, async ({ person }) => {
    const lea = await person(`lea-${colorScheme}`, { colorScheme, bypassCSP: true });
    await beforeRooms(lea);
    await aroundRoom(lea.page, `Look ${colorScheme}`);
    await insideRoom(lea.page);
    await aboutPeople(lea.page);
  });
}

/** Checks the page against the rules of WCAG, and that it fits the width of the screen. */
async function check(page, where) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe); // once a document
  await page.evaluate(() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {}))));
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  assert.deepEqual(
    violations.map((v) => [v.id, v.nodes.map((n) => n.html)]),
    [],
    where,
  );
  assert.ok(await fitsWidth(page), `${where} is wider than the screen`);
}

async function beforeRooms(lea) {
  await lea.page.getByRole('heading', { name: 'Log in' }).waitFor();
  await check(lea.page, 'log-in');
  await press(lea.page.getByRole('button', { name: 'Continue as a guest' }));
  await check(lea.page, 'guest');
  await signUp(lea);
  await check(lea.page, 'rooms');
}

async function aroundRoom(page, name) {
  await press(page.getByRole('button', { name: 'Add a channel' }));
  await check(page, 'menu of rooms');
  await dismiss(page);
  await makeRoom(page, name);
  await check(page, 'empty room');
  await write(page, 'Some `code` and https://example.org');
  await allSent(page);
  await act(page, 'Some', 'Reply');
  await check(page, 'answering');
  await write(page, 'An answer');
  await attach(page, await pictureFile(page, 'sky.png', 400, 300, 'steelblue'), {
    name: 'list.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from('milk'),
  });
  await write(page, 'Attached');
  await row(page, 'Attached').locator('img.loaded').waitFor();
  await act(page, 'Attached', 'React');
  await check(page, 'choice of emoji');
  await press(page.getByRole('button', { name: 'party' }));
  await row(page, 'Attached').getByRole('button', { name: '🎉, 1, yours' }).waitFor();
  await act(page, 'Some', 'More');
  await press(page.getByRole('menuitem', { name: 'Pin', exact: true }));
  await row(page, 'Some').getByText('Pinned').waitFor();
  await check(page, 'room');
  await press(row(page, 'Attached').getByRole('button', { name: 'Picture sky.png' }));
  await page.locator('dialog.lightbox img').waitFor();
  await check(page, 'picture');
  await dismiss(page);
}

async function insideRoom(page) {
  await press(page.getByRole('button', { name: /^Members/ }));
  await page.locator('.person').waitFor();
  await check(page, 'members');
  await press(page.getByRole('button', { name: 'Close members' }));
  await press(page.getByRole('button', { name: 'Search in this room' }));
  await page.getByLabel('Search messages').fill('answer');
  await page.locator('.hit').waitFor();
  await check(page, 'search');
  await press(page.getByRole('button', { name: 'Close search' }));
  await roomMenu(page, 'Pinned messages');
  await page.locator('.hit').waitFor();
  await check(page, 'pins');
  await press(page.getByRole('button', { name: 'Close pinned messages' }));
  await roomMenu(page);
  await check(page, 'menu of the room');
  await press(page.getByRole('menuitem', { name: 'Room settings' }));
  await page.getByText('Nobody is banned.').waitFor();
  await check(page, 'settings');
  await dismiss(page);
}

async function aboutPeople(page) {
  await press(page.locator('button.name').first());
  await page.locator('dialog').waitFor();
  await check(page, 'profile of a user');
  await dismiss(page);
  await find(page, 'Look');
  await page.getByRole('option', { name: /Messages with/ }).waitFor();
  await check(page, 'switcher');
  await dismiss(page);
  await myMenu(page, 'Profile and account');
  await page.getByLabel('New password').waitFor();
  await check(page, 'own profile');
  await dismiss(page);
  await myMenu(page, 'Contacts and blocked people');
  await page.locator('dialog').waitFor();
  await check(page, 'contacts');
}

scene(
  'everything works by keyboard, and the focus is never lost',
  async ({ person }) => {
    const { page } = await person('kay');
    const type = (...keys) =>
      keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
    await focused(page.getByLabel('Username'));
    await page.getByRole('button', { name: 'Create an account' }).focus();
    await type('Enter');
    await focused(page.getByLabel('Username'));
    await page.keyboard.type('kay');
    await type('Tab', 'Tab');
    await focused(page.getByLabel('Password'));
    await page.keyboard.type('correct horse');
    await type('Enter');

    const add = page.getByRole('button', { name: 'Add a channel' });
    await add.focus();
    await type('Enter');
    await focused(page.getByRole('menuitem', { name: 'Create a channel' }));
    await type('ArrowDown', 'Escape'); // the menu restores the focus
    await focused(add);
    await type('Enter', 'Enter');
    await focused(page.getByLabel('Name', { exact: true }));
    await page.keyboard.type('Keys');
    await type('Enter');
    await focused(box(page)); // the composer
    for (const text of ['one', 'two']) {
      await page.keyboard.type(text);
      await type('Enter');
    }
    await allSent(page);

    await type('Shift+Tab', 'Shift+Tab'); // past the button for files, to the newest message
    await focused(row(page, 'two'));
    await type('ArrowUp');
    await focused(row(page, 'one'));
    await row(page, 'one').getByRole('button', { name: 'Reply' }).focus();
    await type('Enter');
    await focused(box(page));
    await page.keyboard.type('three');
    await type('Enter');
    await row(page, 'three').locator('.quote', { hasText: 'one' }).waitFor();

    const search = page.getByRole('button', { name: 'Search in this room' });
    await search.focus();
    await type('Enter');
    await focused(page.getByLabel('Search messages'));
    await type('Escape');
    await focused(search);
    await type('Control+k');
    await focused(page.getByRole('combobox'));
    await page.keyboard.type('keys');
    await page.evaluate(async () => (await import('/client/store.js')).notify('rooms')); // as when a message arrives
    await type('Escape');
    await focused(search);
  },
  [MOUSE],
);

scene('hostile text is shown as text', async ({ person }) => {
  const eve = await person('eve');
  const { page } = eve;
  await signUp(eve);
  await makeRoom(page, 'Traps');
  const traps = [
    '<img src=x onerror="document.title=1"><script>document.title=2</script>',
    'javascript:alert(1) data:text/html,x',
    'x'.repeat(8000),
    '🦊'.repeat(200),
    `👩🏽‍🚀 ${'e' + '\u0301'.repeat(200)}`,
    'one\r\n\r\n<b>two</b> &amp; three',
  ];
  for (const text of traps) await write(page, text);
  await allSent(page);
  assert.deepEqual(
    await texts(page),
    traps.map((text) => text.replace(/\r\n/g, '\n')),
  );
  await write(page, '\u202Edesrever \u0007 bell');
  await row(page, 'desrever').waitFor();
  assert.match((await texts(page)).at(-1), /\u2407/, 'a control character is shown as its symbol');
  await page.reload(); // as the server returns them, not as they were typed
  await row(page, 'desrever').waitFor();
  assert.equal((await texts(page))[0], traps[0]);
  assert.equal(await page.locator('.messages img, .messages script, .messages a, .messages b').count(), 0);
  assert.ok(await fitsWidth(page));
  const cut = await page
    .locator('.messages .text')
    .evaluateAll((all) => all.filter((el) => el.scrollWidth > el.clientWidth).map((el) => el.textContent.slice(0, 20)));
  assert.deepEqual(cut, [], 'long words are broken, not cut off');

  for (const text of ['ask @evelyn', 'or info@eve.com', 'but @Eve.']) await write(page, text);
  await row(page, 'but @Eve.')
    .locator('.mention.mine', { hasText: /^@Eve$/ })
    .waitFor();
  await allSent(page);
  assert.deepEqual(await page.locator('.to-me .text').allInnerTexts(), ['but @Eve.']);

  await write(page, 'see https://example.org/a_(b), and `https://example.org/not`');
  const link = page.locator('.messages a');
  assert.equal(await link.getAttribute('href'), 'https://example.org/a_(b)');
  assert.match(await link.getAttribute('rel'), /noopener/);
});

scene('a hostile name is shown as text', async ({ person }) => {
  const { page } = await person('mal');
  await press(page.getByRole('button', { name: 'Create an account' }));
  await page.getByLabel('Username').fill('mal');
  await page.getByLabel('Display name').fill('<b>nimda</b>');
  await page.getByLabel('Password').fill('correct horse');
  await press(page.getByRole('button', { name: 'Create account' }));
  await makeRoom(page, 'Names');
  await write(page, 'who am I?');
  await allSent(page);
  const name = row(page, 'who am I?').locator('bdi').first();
  assert.equal(await name.textContent(), '<b>nimda</b>');
});

scene(
  'the first screen is less than 100 KB',
  async ({ person }) => {
    const { page } = await person('newcomer');
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await page.waitForLoadState('load');
    const bytes = await page.evaluate(() =>
      [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map((entry) => [
        new URL(entry.name).pathname,
        entry.transferSize,
      ]),
    );
    const sum = bytes.reduce((total, [, size]) => total + size, 0);
    assert.ok(sum > 30_000, 'the count is incomplete');
    assert.ok(sum < 100_000, `${sum} bytes: ${bytes.map((b) => b.join(' ')).join(', ')}`);
  },
  [MOUSE],
);
