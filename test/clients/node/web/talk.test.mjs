// Conversations in rooms and in direct messages.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isTouched, roomPath, scene, openTab, until, withClipboard } from './scene.mjs';
import {
  act,
  allSent,
  attach,
  badge,
  box,
  dismiss,
  download,
  find,
  focused,
  join,
  makeRoom,
  myMenu,
  openRoom,
  pictureFile,
  press,
  roomLink,
  roomMenu,
  row,
  signUp,
  texts,
  write,
} from './steps.mjs';

scene(
  'two people, from sign-up to a ban, while the server crashes several times',
  async ({ expect, person, start, stop }) => {
    const ada = await person('ada');
    const bob = await person('bob');
    await signUp(ada);
    await signUp(bob);
    await makeRoom(ada.page, 'Tea house');
    await join(bob.page, 'Tea house');
    await write(ada.page, 'Is the kettle on?');
    await row(bob.page, 'Is the kettle on?').waitFor();
    await write(bob.page, 'It is.');
    await row(ada.page, 'It is.').waitFor();

    await crash();
    await act(ada.page, 'It is.', 'Reply');
    await write(ada.page, 'Lovely.');
    await row(bob.page, 'Lovely.').locator('.quote', { hasText: 'It is.' }).waitFor();
    if (isTouched(ada.page)) await act(ada.page, 'Lovely.', 'Edit');
    else await box(ada.page).press('ArrowUp');
    await write(ada.page, 'Wonderful.');
    await row(bob.page, 'Wonderful.').getByText('(edited)').waitFor();
    await act(bob.page, 'Wonderful.', 'React');
    await press(bob.page.getByRole('button', { name: 'party' }));
    await press(row(ada.page, 'Wonderful.').getByRole('button', { name: '🎉, 1', exact: true }));
    await row(bob.page, 'Wonderful.').getByRole('button', { name: '🎉, 2, yours' }).waitFor();

    await attach(bob.page, await pictureFile(bob.page, 'leaf.png', 40, 30, 'green'), {
      name: 'list.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('milk'),
    });
    await write(bob.page, 'A leaf and a list');
    await row(ada.page, 'A leaf and a list').waitFor();
    await crash();
    await press(row(ada.page, 'A leaf and a list').getByRole('button', { name: 'Picture leaf.png' }));
    await until(() => ada.page.locator('dialog.lightbox img').evaluate((img) => img.naturalWidth === 40));
    await dismiss(ada.page);
    assert.equal(readFileSync(await download(ada.page, 'list.txt'), 'utf8'), 'milk');

    await press(ada.page.getByRole('button', { name: 'Search in this room' }));
    await ada.page.getByLabel('Search messages').fill('KETTLE');
    await press(ada.page.locator('.hit'));
    await focused(row(ada.page, 'Is the kettle on?'));

    await crash();
    expect(/^403 .v1.rooms/);
    await press(ada.page.locator('button.name', { hasText: 'bob' }).first());
    await press(ada.page.getByRole('button', { name: 'Ban…' }));
    await press(ada.page.getByRole('button', { name: 'Ban', exact: true }));
    await bob.page.getByRole('heading', { name: 'This room cannot be opened' }).waitFor();
    assert.equal(await roomLink(bob.page, 'Tea house').count(), 0);
    assert.deepEqual(await texts(ada.page), [
      'Is the kettle on?',
      'It is.',
      'Wonderful. (edited)',
      'A leaf and a list',
    ]);

    async function crash() {
      await allSent(ada.page);
      await allSent(bob.page);
      await stop('SIGKILL');
      await start();
    }
  },
);

scene('rooms: invites, roles, pins, settings, muting, and deletion', async ({ expect, person }) => {
  const mia = await person('mia');
  const ned = await person('ned');
  await signUp(mia);
  await signUp(ned);
  await makeRoom(mia.page, 'Attic', 'Private');
  await roomMenu(mia.page, 'Invite people');
  const link = await withClipboard(async () => {
    await press(mia.page.getByRole('button', { name: 'Create a link' }));
    await mia.page.locator('.invite-code').waitFor();
    await mia.page.getByText('copied').waitFor();
    return mia.page.evaluate(() => navigator.clipboard.readText());
  });
  await dismiss(mia.page);
  await ned.page.goto(link);
  await press(ned.page.getByRole('button', { name: 'Join' }));
  await write(ned.page, 'hello from the invite');

  await press(row(mia.page, 'hello from the invite').getByRole('button', { name: 'ned' }));
  await mia.page.getByLabel('Role').selectOption('moderator');
  await until(async () => {
    await roomMenu(ned.page);
    const canManage = await ned.page.getByRole('menuitem', { name: 'Room settings' }).count();
    await dismiss(ned.page);
    return canManage;
  }, 'a moderator can change the room');
  await dismiss(mia.page);

  await act(ned.page, 'hello from the invite', 'More');
  await press(ned.page.getByRole('menuitem', { name: 'Pin', exact: true }));
  await row(mia.page, 'hello from the invite').getByText('Pinned').waitFor();

  await roomMenu(ned.page, 'Room settings');
  await ned.page.getByLabel('Name', { exact: true }).fill('Cellar');
  await press(ned.page.getByRole('button', { name: 'Save' }));
  await mia.page.getByRole('heading', { name: 'Cellar', exact: true }).waitFor();
  await dismiss(ned.page);

  await roomMenu(ned.page, 'Mute');
  await roomLink(ned.page, 'Cellar').getByText('muted').waitFor({ state: 'attached' });
  await makeRoom(ned.page, 'Quiet');
  await write(mia.page, 'there is no event about this');
  await allSent(mia.page);
  await openRoom(ned.page, 'Cellar');
  await row(ned.page, 'there is no event about this').waitFor();
  await write(mia.page, 'but this is shown at once');
  await row(ned.page, 'but this is shown at once').waitFor();

  expect(/^404 .v1.rooms/);
  await roomMenu(mia.page, 'Room settings');
  await press(mia.page.getByRole('button', { name: 'Delete room…' }));
  await press(mia.page.getByRole('button', { name: 'Delete', exact: true }));
  await ned.page.getByRole('heading', { name: 'This room cannot be opened' }).waitFor();
  await until(async () => (await roomLink(mia.page, 'Cellar').count()) === 0, 'the room is removed from the list');
});

scene('a new display name is shown everywhere, to the user and to others', async ({ person }) => {
  const sam = await person('sam');
  const eli = await person('eli');
  await signUp(sam);
  await signUp(eli);
  await makeRoom(sam.page, 'Names');
  await join(eli.page, 'Names');
  await write(sam.page, 'before');
  await row(eli.page, 'before').waitFor();
  const place = roomPath(sam.page);
  const other = await openTab(sam.context, place);
  await row(other, 'before').waitFor();
  const nameAt = (page, text) => row(page, text).locator('button.name');

  await myMenu(sam.page, 'Profile and account');
  await sam.page.getByLabel('Display name').fill('Samantha');
  await press(sam.page.getByRole('button', { name: 'Save' }));
  await dismiss(sam.page);
  await sam.page.locator('.me-name').getByText('Samantha').waitFor();
  await sam.page.goto(place);
  for (const page of [sam.page, other]) await nameAt(page, 'before').getByText('Samantha').waitFor();
  await other.locator('.me-name', { hasText: 'Samantha' }).waitFor({ state: 'attached' });

  await write(sam.page, 'after'); // its event tells others the new name
  await row(eli.page, 'after').waitFor();
  await nameAt(eli.page, 'before').getByText('Samantha').waitFor();
  await press(eli.page.getByRole('button', { name: /^Members/ }));
  await eli.page.locator('.person', { hasText: 'Samantha' }).waitFor();
  await press(eli.page.getByRole('button', { name: 'Close members' }));

  const toEli = sam.page.getByRole('textbox', { name: 'Message to eli' });
  await find(sam.page, 'eli');
  await press(sam.page.getByRole('option', { name: '@eli' }));
  await toEli.waitFor();
  await write(sam.page, 'between us');
  await roomLink(eli.page, 'Samantha').waitFor({ state: 'attached' });
  await myMenu(sam.page, 'Profile and account');
  await sam.page.getByLabel('Display name').fill('Sam again');
  await press(sam.page.getByRole('button', { name: 'Save' }));
  await dismiss(sam.page);
  await openRoom(sam.page, 'eli');
  await toEli.waitFor();
  await write(sam.page, 'still me');
  await roomLink(eli.page, 'Sam again').waitFor({ state: 'attached' });
});

scene('people: direct messages, online status, contacts, blocks', async ({ expect, person }) => {
  const oda = await person('oda');
  const per = await person('per');
  await signUp(oda);
  await signUp(per);
  await find(oda.page, 'per');
  await press(oda.page.getByRole('option', { name: '@per' }));
  await write(oda.page, 'between us');
  await until(async () => (await badge(per.page, 'oda')) === 1, 'one is unread');
  await openRoom(per.page, 'oda');
  await row(per.page, 'between us').waitFor();
  await oda.page.locator('.room-head').getByText('Online').waitFor();
  await until(async () => {
    // repeated, because it is shown for a few seconds only
    await box(per.page).pressSequentially('m');
    return oda.page.locator('.typing', { hasText: 'per is typing' }).count();
  }, 'per is shown as typing');

  await press(oda.page.getByRole('button', { name: 'Profile of per' }));
  await press(oda.page.getByRole('button', { name: 'Add to contacts' }));
  await oda.page.getByRole('button', { name: 'Remove from contacts' }).waitFor();
  await press(oda.page.getByRole('button', { name: 'Block', exact: true }));
  await oda.page.getByRole('button', { name: 'Unblock' }).waitFor();
  await dismiss(oda.page);
  expect(/^403 .v1.rooms.\d+.(messages|typing)$/);
  await write(per.page, 'are you there?');
  await row(per.page, 'are you there?')
    .getByText(/Not sent/)
    .waitFor();
  await press(oda.page.getByRole('button', { name: 'Profile of per' }));
  await press(oda.page.getByRole('button', { name: 'Unblock' }));
  await dismiss(oda.page);
  await press(row(per.page, 'are you there?').getByRole('button', { name: 'Send again' }));
  await row(oda.page, 'are you there?').waitFor();
  assert.deepEqual(await texts(oda.page), ['between us', 'are you there?']);
  await per.context.close();
  await oda.page.locator('.room-head').getByText('Last seen').waitFor();
});
