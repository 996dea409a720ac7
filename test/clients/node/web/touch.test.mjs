// Touch: a tap on a message shows its toolbar, which stays until the next tap and is never under the finger.

import assert from 'node:assert/strict';
import { scene, TOUCH } from './scene.mjs';
import {
  act,
  allSent,
  attach,
  box,
  dismiss,
  focused,
  makeRoom,
  pictureFile,
  press,
  row,
  signUp,
  write,
} from './steps.mjs';

const bar = (page, text) => row(page, text).getByRole('group', { name: /^Actions for/ });
const tapOn = (page, text) =>
  row(page, text)
    .locator('.text')
    .tap({ position: { x: 96, y: 14 } });

scene(
  'on a phone: reply, react, edit and delete',
  async ({ person }) => {
    const pia = await person('pia');
    const { page } = pia;
    await signUp(pia);
    await makeRoom(page, 'Fingers');
    for (const text of ['first', 'second', 'third']) await write(page, text);
    await allSent(page);

    await tapOn(page, 'second');
    await bar(page, 'second').waitFor();
    const [of, above] = await Promise.all([
      bar(page, 'second').boundingBox(),
      row(page, 'second').locator('.text').boundingBox(),
    ]);
    assert.ok(of.y >= above.y + above.height, 'the toolbar is below the tapped text');
    await tapOn(page, 'first');
    await bar(page, 'first').waitFor();
    assert.equal(await page.locator('.toolbar').count(), 1);
    await tapOn(page, 'first');
    await bar(page, 'first').waitFor({ state: 'detached' });

    await act(page, 'second', 'Reply');
    await focused(box(page));
    assert.equal(await page.locator('.toolbar').count(), 0);
    await write(page, 'an answer');
    await row(page, 'an answer').locator('.quote', { hasText: 'second' }).waitFor();
    await allSent(page);
    await act(page, 'third', 'Edit');
    await write(page, 'the last');
    await row(page, 'the last').getByText('(edited)').waitFor();
    await act(page, 'the last', 'React');
    await press(page.getByRole('button', { name: 'party' }));
    await row(page, 'the last').getByRole('button', { name: '🎉, 1, yours' }).waitFor();
    await act(page, 'first', 'More');
    await press(page.getByRole('menuitem', { name: 'Delete' }));
    await press(page.getByRole('button', { name: 'Delete', exact: true }));
    await page.getByText('Message deleted').waitFor();

    // A tap on a picture opens the picture; a button beside it shows the toolbar.
    await attach(page, await pictureFile(page, 'wide.png', 900, 300, 'teal'));
    await page.getByRole('button', { name: 'Send', exact: true }).tap();
    await allSent(page);
    const picture = page.locator('li.message', { has: page.getByRole('button', { name: 'Picture wide.png' }) });
    await picture.getByRole('button', { name: 'Picture wide.png' }).tap();
    await page.locator('dialog.lightbox img').waitFor();
    await dismiss(page);
    assert.equal(await page.locator('.toolbar').count(), 0);
    await picture.getByRole('button', { name: 'Message actions' }).tap();
    await picture.getByRole('button', { name: 'Reply', exact: true }).tap();
    await focused(box(page));
  },
  [TOUCH],
);
