// What people do and see in the client, by the accessible names of its elements. On a phone they tap, and see either
// the list of rooms or a room.

import { isTouched, until } from './scene.mjs';

export const PASSWORD = 'correct horse';

/** Clicks, or taps. */
export const press = (locator) => (isTouched(locator.page()) ? locator.tap() : locator.click());

/** Leaves the room on a phone, where it covers the list of rooms. */
export async function toRooms(page) {
  const back = page.getByRole('button', { name: 'Back to the rooms' });
  if (!(await back.isVisible())) return;
  await press(back);
  await back.waitFor({ state: 'hidden' }); // the history is asynchronous: the next step could press it again
}

/** Closes the open dialog, menu or picture. */
export async function dismiss(page) {
  if (!isTouched(page)) return page.keyboard.press('Escape');
  const dialog = page.locator('dialog[open]').last();
  const close = dialog.getByRole('button', { name: 'Close', exact: true });
  if (await close.count()) return press(close);
  if (await dialog.count()) return page.touchscreen.tap(190, 830); // below a dialog without a button
  return page.touchscreen.tap(190, 28); // beside the menu: the header of the page, where there is no control
}

export async function signUp({ page, username }) {
  await press(page.getByRole('button', { name: 'Create an account' }));
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password').fill(PASSWORD);
  await press(page.getByRole('button', { name: 'Create account' }));
  await page.getByRole('navigation', { name: 'Rooms' }).waitFor();
}

export async function asGuest({ page, username }) {
  await press(page.getByRole('button', { name: 'Continue as a guest' }));
  await page.getByLabel('Username').fill(username);
  await press(page.getByRole('button', { name: 'Continue', exact: true }));
  await page.getByRole('navigation', { name: 'Rooms' }).waitFor();
}

export const box = (page) => page.getByRole('textbox', { name: /^Message/ });
export const row = (page, text) => page.locator('li.message', { hasText: text }).first();
export const texts = (page) => page.locator('li.message .text').allInnerTexts();
/** A room in the list, also when a room covers the list on a phone. */
export const roomLink = (page, name) =>
  page.getByRole('navigation', { name: 'Rooms', includeHidden: true }).getByRole('link', { name, includeHidden: true });

/** The number of unread messages in the list of rooms. */
export async function badge(page, name) {
  const [shown] = await roomLink(page, name).locator('.badge').allInnerTexts();
  return shown ? parseInt(shown, 10) : 0;
}

export async function write(page, text) {
  await box(page).fill(text);
  await press(page.getByRole('button', { name: 'Send', exact: true }));
}

/** Waits until all messages are acknowledged. */
export const allSent = (page) =>
  until(
    () =>
      page
        .locator('li.message.pending')
        .count()
        .then((n) => n === 0),
    'all is sent',
  );

/** Opens a room from the list. */
export async function openRoom(page, name) {
  await toRooms(page);
  await press(roomLink(page, name));
}

/** Presses a button of the toolbar that a message shows under the pointer, or after a tap. */
export async function act(page, text, name) {
  if (isTouched(page))
    await row(page, text)
      .locator('.text')
      .tap({ position: { x: 96, y: 14 } }); // Chromium moves a tap to a button nearby
  else await row(page, text).hover();
  await press(row(page, text).getByRole('button', { name, exact: true }));
}

export async function attach(page, ...files) {
  const chooser = page.waitForEvent('filechooser');
  await press(page.getByRole('button', { name: 'Attach files' }));
  await (await chooser).setFiles(files);
}

/** Downloads a file, and returns its path. */
export async function download(page, name) {
  const coming = page.waitForEvent('download');
  await press(page.getByRole('button', { name: `Download ${name}` }));
  return (await coming).path();
}

export async function makeRoom(page, name, kind = 'Public') {
  await toRooms(page);
  await press(page.getByRole('button', { name: 'Add a channel' }));
  await press(page.getByRole('menuitem', { name: 'Create a channel' }));
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel(kind).check();
  await press(page.getByRole('button', { name: 'Create', exact: true }));
  await page.getByRole('heading', { name, exact: true }).waitFor();
}

/** Searches for a room or a person in the switcher. */
export async function find(page, name) {
  if (isTouched(page)) {
    await toRooms(page);
    await press(page.getByRole('button', { name: /^Find rooms/ }));
  } else await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill(name);
}

export async function join(page, name) {
  await find(page, name);
  await press(page.getByRole('option', { name: new RegExp(`${name}.*member`) }));
  await press(page.getByRole('button', { name: 'Join' }));
  await box(page).waitFor();
}

export async function roomMenu(page, name) {
  await press(page.locator('.room-head').getByRole('button', { name: 'More' }));
  if (name) await press(page.getByRole('menuitem', { name }));
}

export async function myMenu(page, name) {
  await toRooms(page);
  await press(page.getByRole('button', { name: 'Your menu' }));
  await press(page.getByRole('menuitem', { name }));
}

/** Waits until this element has the focus, and not one inside or around it. */
export const focused = (locator) =>
  until(() => locator.evaluate((el) => el === document.activeElement), `the focus is on ${locator}`);

export const fitsWidth = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

/** Creates a picture of one colour, as a file to attach. */
export async function pictureFile(page, name, width, height, colour) {
  const bytes = await page.evaluate(
    async ([w, h, fill]) => {
      const canvas = new OffscreenCanvas(w, h);
      const context = canvas.getContext('2d');
      context.fillStyle = fill;
      context.fillRect(0, 0, w, h);
      return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
    },
    [width, height, colour],
  );
  return { name, mimeType: 'image/png', buffer: Buffer.from(bytes) };
}
