// Layers over the page, the Back button, and that no control is covered.

import assert from 'node:assert/strict';
import { MOUSE, roomPath, scene, until } from './scene.mjs';
import {
  act,
  allSent,
  attach,
  box,
  focused,
  makeRoom,
  myMenu,
  pictureFile,
  press,
  roomMenu,
  row,
  signUp,
  write,
} from './steps.mjs';

async function inTwoRooms(person, username, options) {
  const { page } = await signedUp(person, username, options);
  await makeRoom(page, `First of ${username}`);
  await makeRoom(page, `Second of ${username}`);
  await write(page, 'with a picture');
  await attach(page, await pictureFile(page, 'sky.png', 400, 300, 'steelblue'));
  await write(page, 'sky');
  await allSent(page);
  return page;
}

async function signedUp(person, username, options) {
  const member = await person(username, options);
  await signUp(member);
  return member;
}

const dialogs = (page) => page.locator('dialog[open]').count();

scene(
  'Back closes the layers over the room, and leaves the room when there are none',
  async ({ person }) => {
    const page = await inTwoRooms(person, 'gil');
    const room = roomPath(page);
    const stays = async (n) => {
      await until(async () => (await dialogs(page)) === n, `${n} dialogs are left`);
      assert.equal(roomPath(page), room);
    };
    await press(row(page, 'sky').getByRole('button', { name: 'Picture sky.png' }));
    await page.locator('dialog.lightbox img').waitFor();
    await page.goBack();
    await stays(0);
    await page.goForward(); // to the entry of the picture, which is not shown again
    await stays(0);

    await roomMenu(page, 'Room settings');
    await press(page.getByRole('button', { name: 'Clear history…' }));
    await until(async () => (await dialogs(page)) === 2, 'one over the other');
    await page.goBack();
    await stays(1);
    await page.goBack();
    await stays(0);
    await row(page, 'sky').waitFor();

    await page.goBack();
    await page.getByRole('heading', { name: 'First of gil', exact: true }).waitFor();
  },
  [MOUSE],
);

scene(
  'a layer that is closed in another way leaves no entry in the history',
  async ({ person }) => {
    const page = await inTwoRooms(person, 'hedy');
    const length = () => page.evaluate(() => history.length);
    const depth = () => page.evaluate(() => history.state?.layer ?? 0);
    await press(row(page, 'sky').getByRole('button', { name: 'Picture sky.png' }));
    await page.locator('dialog.lightbox img').waitFor();
    const before = await length();
    await page.keyboard.press('Escape');
    await until(async () => (await depth()) === 0);
    for (let i = 0; i < 3; i++) {
      await roomMenu(page, 'Room settings');
      await press(page.getByRole('button', { name: 'Close', exact: true }));
      await until(async () => (await depth()) === 0);
    }
    assert.equal(await length(), before);
    // A dialog that opens a room when it closes.
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill('first of hedy');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'First of hedy', exact: true }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Second of hedy', exact: true }).waitFor();
    await page.goForward();
    await page.getByRole('heading', { name: 'First of hedy', exact: true }).waitFor();
    // A page that is reloaded while a dialog is open.
    await myMenu(page, 'Profile and account');
    await page.getByLabel('New password').waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'First of hedy', exact: true }).waitFor();
    await until(async () => (await depth()) === 0);
    await page.goBack();
    await page.getByRole('heading', { name: 'Second of hedy', exact: true }).waitFor();
  },
  [MOUSE],
);

scene(
  'on a phone, Back closes the panel that covers the room',
  async ({ person }) => {
    const page = await inTwoRooms(person, 'ida', { viewport: { width: 390, height: 844 }, hasTouch: true });
    await press(page.getByRole('button', { name: 'Search in this room' }));
    await page.getByLabel('Search messages').fill('sky');
    await page.locator('.hit').waitFor();
    await page.goBack();
    await page.locator('.hit').waitFor({ state: 'detached' });
    await row(page, 'sky').waitFor();
    await press(page.getByRole('button', { name: 'Search in this room' }));
    await press(page.getByRole('button', { name: 'Close search' }));
    await focused(page.getByRole('button', { name: 'Search in this room' }));
    await page.goBack();
    await page.getByRole('button', { name: 'Add a channel' }).waitFor(); // the list of rooms
  },
  [MOUSE],
);

scene(
  'Ctrl+K does not close a dialog, but closes a picture',
  async ({ person }) => {
    const page = await inTwoRooms(person, 'jon');
    await roomMenu(page, 'Room settings');
    await page.getByLabel('Topic').fill('half a sentence');
    await page.keyboard.press('Control+k');
    assert.equal(await dialogs(page), 1);
    assert.equal(await page.getByLabel('Topic').inputValue(), 'half a sentence');
    await page.keyboard.press('Escape');
    await press(row(page, 'sky').getByRole('button', { name: 'Picture sky.png' }));
    await page.locator('dialog.lightbox').waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill('first of jon');
    assert.equal(await dialogs(page), 1);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'First of jon', exact: true }).waitFor();
  },
  [MOUSE],
);

/** The visible controls that cannot be pressed: they are covered, or outside the window. */
const outOfReach = (page) =>
  page.evaluate(async () => {
    await Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {})));
    const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
    const scrolled = (el, x, y) => {
      for (let box = el.parentElement; box; box = box.parentElement) {
        if (getComputedStyle(box).overflowY === 'visible') continue;
        const r = box.getBoundingClientRect();
        if (box !== document.body && (y < r.top || y > r.bottom || x < r.left || x > r.right)) return true;
      }
      return false;
    };
    return [...top.querySelectorAll('button, a[href], input, textarea, select')].flatMap((el) => {
      if (!el.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || el.matches('.skip')) return [];
      const { left, right, top: above, bottom } = el.getBoundingClientRect();
      const y = (above + bottom) / 2;
      const isCovered = [left + 3, (left + right) / 2, right - 3].some((x) => {
        if (scrolled(el, x, y)) return false;
        const hit = document.elementFromPoint(x, y);
        return (
          x < 0 ||
          x > innerWidth ||
          y < 0 ||
          y > innerHeight ||
          !hit ||
          (!el.contains(hit) && !el.closest('label')?.contains(hit))
        );
      });
      const label = el.getAttribute('aria-label') || el.textContent || el.className;
      return isCovered ? [`${label} at ${Math.round(left)},${Math.round(above)}`] : [];
    });
  });

const WIDTHS = { 320: 568, 390: 844, 768: 1024, 1024: 768, 1280: 800 };
for (const [width, height] of Object.entries(WIDTHS)) {
  scene(
    `no control is covered or outside the window, ${width} px wide`,
    async ({ person }) => {
      const { page } = await signedUp(person, `kit-${width}`, {
        viewport: { width: Number(width), height },
        hasTouch: width < 800,
      });
      const reach = async (where) => {
        await page.mouse.move(1, 1);
        assert.deepEqual(await outOfReach(page), [], where);
      };
      await reach('rooms');
      await makeRoom(page, `A room with a long name ${width}`);
      await reach('empty room');
      await attach(page, { name: 'a list with a long name.txt', mimeType: 'text/plain', buffer: Buffer.from('milk') });
      await box(page).fill('one\ntwo\nthree');
      await page.locator('.chip').waitFor();
      await reach('a file and some lines');
      await write(page, 'one\ntwo\nthree');
      await allSent(page);
      await box(page).fill('x'.repeat(7900));
      await reach('nearly too long');
      await box(page).fill('');
      for (const panel of ['Members', 'Search in this room']) {
        await press(page.getByRole('button', { name: panel }).first());
        await page.getByRole('button', { name: /^Close/ }).waitFor();
        await reach(panel);
        await press(page.getByRole('button', { name: /^Close/ }));
      }
      await roomMenu(page, 'Copy link');
      await page.locator('.toast').waitFor();
      await reach('a toast');
      await box(page).fill('one\ntwo\nthree\nfour');
      await reach('a toast, and more to write');
      await roomMenu(page, 'Room settings');
      await page.getByText('Nobody is banned.').waitFor();
      await reach('settings');
      await page.keyboard.press('Escape');
    },
    [MOUSE],
  );
}

scene(
  'an on-screen keyboard does not cover the composer',
  async ({ person }) => {
    const page = await inTwoRooms(person, 'liv', { viewport: { width: 390, height: 844 }, hasTouch: true });
    const keyboard = (pixels) =>
      page.evaluate((height) => {
        Object.defineProperty(visualViewport, 'height', { configurable: true, value: innerHeight - height });
        visualViewport.dispatchEvent(new Event('resize'));
      }, pixels);
    const bottom = (locator) => locator.evaluate((el) => el.getBoundingClientRect().bottom);
    await keyboard(320);
    await until(async () => (await bottom(box(page))) < 844 - 320, 'it is above the keyboard');
    assert.ok((await bottom(row(page, 'sky'))) < (await bottom(box(page))), 'the newest message too');
    await act(page, 'sky', 'Reply');
    await roomMenu(page, 'Room settings');
    await until(async () => (await bottom(page.locator('dialog[open]'))) <= 844 - 320, 'the dialog is above it too');
    await page.keyboard.press('Escape');
    await keyboard(0);
    await until(async () => (await bottom(box(page))) > 700);
  },
  [MOUSE],
);
