// The composer: a draft is never lost, and is sent only when the user wants it.

import assert from 'node:assert/strict';
import { MOUSE, scene, until } from './scene.mjs';
import {
  act,
  allSent,
  attach,
  box,
  focused,
  makeRoom,
  myMenu,
  openRoom,
  PASSWORD,
  pictureFile,
  press,
  row,
  signUp,
  texts,
  write,
} from './steps.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true };
const NOTE = { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('milk') };
/** A file that is removed during its upload: the server may still be reading the aborted request. */
const STILL_WRITTEN = /^423 \/v1\/uploads\//;
const sendButton = (page) => page.getByRole('button', { name: 'Send', exact: true });

async function inRoom(person, username, options) {
  const member = await person(username, options);
  await signUp(member);
  await makeRoom(member.page, `Room of ${username}`);
  return member.page;
}

scene(
  'sending by mouse, by key and by touch keeps the focus in the text',
  async ({ person, expect }) => {
    expect(STILL_WRITTEN);
    const page = await inRoom(person, 'abe');
    await box(page).fill('by mouse');
    await press(sendButton(page));
    await focused(box(page));
    await page.keyboard.type('by key');
    await sendButton(page).focus();
    await page.keyboard.press('Enter');
    await focused(box(page));
    await attach(page, NOTE);
    await press(page.getByRole('button', { name: 'Remove note.txt' }));
    await focused(box(page));
    await allSent(page);
    assert.deepEqual(await texts(page), ['by mouse', 'by key']);

    const phone = await inRoom(person, 'abby', PHONE);
    await box(phone).tap();
    await phone.keyboard.type('by finger');
    await box(phone).evaluate((el) =>
      el.addEventListener('blur', () => {
        el.dataset.left = 'yes';
      }),
    ); // a blur would close the keyboard
    await sendButton(phone).tap();
    await row(phone, 'by finger').waitFor();
    await focused(box(phone));
    assert.equal(await box(phone).getAttribute('data-left'), null, 'the keyboard stayed');
  },
  [MOUSE],
);

scene(
  'a draft survives a reload, for its room and its user, until it is sent or the user logs out',
  async ({ person }) => {
    const ben = await person('ben');
    const { page } = ben;
    await signUp(ben);
    await makeRoom(page, 'First');
    await write(page, 'asked');
    await allSent(page);
    await makeRoom(page, 'Second');
    await write(page, 'mine');
    await allSent(page);
    await act(page, 'mine', 'Edit');
    await box(page).fill('mine, chang');
    await openRoom(page, 'First');
    await act(page, 'asked', 'Reply');
    await box(page).fill('half an ans');
    await page.reload();
    await row(page, 'asked').waitFor();
    assert.equal(await box(page).inputValue(), 'half an ans');
    await box(page).fill('half an answer');
    await press(sendButton(page));
    await row(page, 'half an answer').locator('.quote', { hasText: 'asked' }).waitFor(); // still a reply
    await openRoom(page, 'Second');
    await page.getByText('Editing your message').waitFor();
    await until(async () => (await box(page).inputValue()) === 'mine, chang', 'the edit is there');
    await box(page).fill('mine, changed');
    await press(sendButton(page));
    await row(page, 'mine, changed').getByText('(edited)').waitFor();
    await page.reload();
    await row(page, 'mine, changed').waitFor();
    assert.equal(await box(page).inputValue(), '', 'a sent message is no longer a draft');

    await box(page).fill('only for me');
    await myMenu(page, 'Log out');
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    assert.doesNotMatch(await page.evaluate(() => JSON.stringify(localStorage)), /only for me|half an ans/);
    await signUp({ page, username: 'ben-two' });
    await makeRoom(page, 'Third');
    assert.equal(await box(page).inputValue(), '');
  },
);

scene('a draft is kept when the session ends without a log-out', async ({ expect, person }) => {
  const page = await inRoom(person, 'bea');
  await box(page).fill('begun before');
  const place = page.url();
  expect(/^401 /);
  await page.context().clearCookies();
  await page.reload();
  await page.getByLabel('Username').fill('bea');
  await page.getByLabel('Password').fill(PASSWORD);
  await press(page.getByRole('button', { name: 'Log in' }));
  await page.goto(place);
  await until(async () => (await box(page).inputValue()) === 'begun before', 'the draft is there');
});

/** Pastes, and does the browser's default action unless the event is cancelled. */
async function paste(page, kinds, files = []) {
  await box(page).focus();
  return box(page).evaluate(
    async (el, [texts, names]) => {
      const clipboardData = new DataTransfer();
      for (const [kind, text] of Object.entries(texts)) clipboardData.setData(kind, text);
      const canvas = new OffscreenCanvas(8, 8);
      canvas.getContext('2d').fillRect(0, 0, 8, 8);
      const picture = await canvas.convertToBlob();
      for (const name of names) clipboardData.items.add(new File([picture], name, { type: 'image/png' }));
      const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
      if (el.dispatchEvent(event)) document.execCommand('insertText', false, clipboardData.getData('text/plain'));
    },
    [kinds, files],
  );
}

scene(
  'when the clipboard has text and a picture of it, the text is pasted and the picture is offered',
  async ({ person, expect }) => {
    expect(STILL_WRITTEN);
    const page = await inRoom(person, 'cal');
    const chip = page.locator('.chip');
    // From a spreadsheet.
    await paste(page, { 'text/plain': 'Tea\t3\nMilk\t1\n', 'text/html': '<table></table>' }, ['image.png']);
    assert.equal(await box(page).inputValue(), 'Tea\t3\nMilk\t1\n');
    assert.equal(await chip.count(), 0);
    await press(page.getByRole('button', { name: 'Attach the picture' }));
    await chip.getByText('image.png').waitFor();
    assert.equal(await page.getByText('The clipboard also had a picture').count(), 0);
    await press(page.getByRole('button', { name: 'Remove image.png' }));

    await box(page).fill('');
    await paste(page, { 'text/html': '<img src="https://example.org/a.png">' }, ['image.png']); // a picture from a page
    await chip.getByText('image.png').waitFor();
    await paste(page, { 'text/plain': 'cat.png\ndog.png' }, ['cat.png', 'dog.png']); // from a file manager
    await chip.getByText('dog.png').waitFor();
    assert.equal(await box(page).inputValue(), '');
    await paste(page, { 'text/plain': 'only text' });
    assert.equal(await box(page).inputValue(), 'only text');
    await paste(page, { 'text/plain': ' and a word' }, ['image.png']); // from a word processor
    await press(page.getByRole('button', { name: 'Leave the picture out' }));
    assert.equal(await box(page).inputValue(), 'only text and a word');
    assert.equal(await chip.count(), 3);
  },
);

scene(
  'on a tablet with a keyboard, Enter inserts a line break, and Ctrl+Enter or Cmd+Enter sends',
  async ({ person }) => {
    const page = await inRoom(person, 'dot', { ...PHONE, isMobile: true });
    assert.ok(await page.evaluate(() => matchMedia('(pointer: coarse)').matches));
    await box(page).focus();
    await page.keyboard.type('one');
    await page.keyboard.press('Enter');
    await page.keyboard.type('two');
    await page.keyboard.press('Control+Enter');
    await row(page, 'one').waitFor();
    await page.keyboard.type('three');
    await page.keyboard.press('Meta+Enter');
    await row(page, 'three').waitFor();
    await allSent(page);
    assert.deepEqual(await texts(page), ['one\ntwo', 'three']);
  },
  [MOUSE],
);

scene(
  'the Enter that ends a composition does not send, whatever the order of the events',
  async ({ person }) => {
    const page = await inRoom(person, 'ema');
    const compose = (locator, ...events) =>
      locator.evaluate((el, all) => {
        el.focus();
        el.dispatchEvent(new CompositionEvent('compositionstart', { bubbles: true }));
        for (const [type, init] of all) {
          if (type === 'compositionend') el.dispatchEvent(new CompositionEvent(type, { bubbles: true }));
          else
            el.dispatchEvent(
              new KeyboardEvent(type, { key: 'Enter', code: 'Enter', bubbles: true, cancelable: true, ...init }),
            );
        }
      }, events);
    await box(page).fill('日本');
    const inside = ['keydown', { keyCode: 229, isComposing: true }]; // Chromium and Firefox
    const after = ['keydown', { keyCode: 229 }]; // Safari
    const plain = ['keydown', { keyCode: 13 }]; // older input methods
    await compose(box(page), inside, ['compositionend']);
    await compose(box(page), ['compositionend'], after);
    await compose(box(page), ['compositionend'], plain);
    assert.equal(await box(page).inputValue(), '日本');
    await box(page).press('Enter');
    await row(page, '日本').waitFor();
    await allSent(page);
    assert.deepEqual(await texts(page), ['日本']);

    await page.keyboard.press('Control+k');
    const find = page.getByRole('combobox');
    await find.fill('room of');
    await compose(find, ['compositionend'], after);
    assert.ok(await find.isVisible(), 'nothing was chosen');
  },
  [MOUSE],
);

scene(
  'files that are attached during an edit are sent with the next message',
  async ({ person, expect }) => {
    expect(STILL_WRITTEN);
    const page = await inRoom(person, 'fin');
    await write(page, 'first');
    await allSent(page);
    await act(page, 'first', 'Edit');
    await attach(page, NOTE);
    await page.getByText('An edit takes no files. These go with your next message.').waitFor();
    await paste(page, {}, ['image.png']);
    await page.locator('.chip').getByText('image.png').waitFor();
    await press(page.getByRole('button', { name: 'Remove image.png' }));
    await box(page).fill('first, edited');
    await box(page).press('Enter');
    await row(page, 'first, edited').waitFor();
    assert.equal(await row(page, 'first, edited').locator('.file').count(), 0);
    await write(page, 'second');
    await row(page, 'second').getByText('note.txt').waitFor();
    await allSent(page);
    await attach(page, await pictureFile(page, 'sky.png', 40, 30, 'steelblue'));
    await act(page, 'second', 'Edit');
    await press(page.getByRole('button', { name: 'Stop editing' }));
    await page.locator('.chip').getByText('sky.png').waitFor();
    assert.ok(await sendButton(page).isEnabled());
  },
  [MOUSE],
);
