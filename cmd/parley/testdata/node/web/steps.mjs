// What people do in the client, and what they see there, by the names that a screen reader would read out.

import { until } from './scene.mjs';

export const PASSWORD = 'correct horse';

export async function signUp({ page, username }) {
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('navigation', { name: 'Rooms' }).waitFor();
}

export async function asGuest({ page, username }) {
  await page.getByRole('button', { name: 'Continue as a guest' }).click();
  await page.getByLabel('Username').fill(username);
  await page.getByRole('button', { name: 'Come in' }).click();
  await page.getByRole('navigation', { name: 'Rooms' }).waitFor();
}

export const box = (page) => page.getByRole('textbox', { name: /^Message/ });
export const row = (page, text) => page.locator('li.message', { hasText: text }).first();
export const texts = (page) => page.locator('li.message .text').allInnerTexts();
export const roomLink = (page, name) => page.getByRole('navigation', { name: 'Rooms' }).getByRole('link', { name });

/** The unread messages that the list of rooms shows. */
export async function badge(page, name) {
  const [shown] = await roomLink(page, name).locator('.badge').allInnerTexts();
  return shown ? parseInt(shown, 10) : 0;
}

export async function write(page, text) {
  await box(page).fill(text);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
}

/** All that was written has been acknowledged. */
export const allSent = (page) => until(() => page.locator('li.message.pending').count().then((n) => n === 0), 'all is sent');

/** Presses a button of the bar that a message shows under the pointer. */
export async function act(page, text, name) {
  await row(page, text).hover();
  await row(page, text).getByRole('button', { name, exact: true }).click();
}

export async function attach(page, ...files) {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Attach files' }).click();
  await (await chooser).setFiles(files);
}

/** Downloads a file, and answers where it is. */
export async function download(page, name) {
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: `Download ${name}` }).click();
  return (await coming).path();
}

export async function makeRoom(page, name, kind = 'Public') {
  await page.getByRole('button', { name: 'Add a channel' }).click();
  await page.getByRole('menuitem', { name: 'Create a channel' }).click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel(kind).check();
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { name, exact: true }).waitFor();
}

export async function join(page, name) {
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill(name);
  await page.getByRole('option', { name: new RegExp(`${name}.*member`) }).click();
  await page.getByRole('button', { name: 'Join' }).click();
  await box(page).waitFor();
}

export async function roomMenu(page, name) {
  await page.locator('.room-head').getByRole('button', { name: 'More' }).click();
  if (name) await page.getByRole('menuitem', { name }).click();
}

export async function myMenu(page, name) {
  await page.getByRole('button', { name: 'Your menu' }).click();
  await page.getByRole('menuitem', { name }).click();
}

/** The element, as opposed to one inside or around it, has the focus. */
export const focused = (locator) => until(() => locator.evaluate((el) => el === document.activeElement), `the focus is on ${locator}`);

export const fitsWidth = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

/** A picture of one colour, as a file to attach. */
export async function pictureFile(page, name, width, height, colour) {
  const bytes = await page.evaluate(async ([w, h, fill]) => {
    const canvas = new OffscreenCanvas(w, h);
    const context = canvas.getContext('2d');
    context.fillStyle = fill;
    context.fillRect(0, 0, w, h);
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  }, [width, height, colour]);
  return { name, mimeType: 'image/png', buffer: Buffer.from(bytes) };
}
