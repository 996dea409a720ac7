// People talk: in rooms, and in private.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { expect, person, scene, start, stop, until } from './scene.mjs';
import {
  act, allSent, attach, badge, box, download, focused, join, makeRoom, pictureFile, roomLink, roomMenu, row, signUp, texts, write,
} from './steps.mjs';

scene('two people, from their sign-up to a ban, and the server crashes on the way', async () => {
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
  await box(ada.page).press('ArrowUp');
  await write(ada.page, 'Wonderful.');
  await row(bob.page, 'Wonderful.').getByText('(edited)').waitFor();
  await act(bob.page, 'Wonderful.', 'React');
  await bob.page.getByRole('button', { name: 'party' }).click();
  await row(ada.page, 'Wonderful.').getByRole('button', { name: '🎉, 1', exact: true }).click();
  await row(bob.page, 'Wonderful.').getByRole('button', { name: '🎉, 2, yours' }).waitFor();

  await attach(bob.page, await pictureFile(bob.page, 'leaf.png', 40, 30, 'green'), { name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from('milk') });
  await write(bob.page, 'A leaf and a list');
  await row(ada.page, 'A leaf and a list').waitFor();
  await crash();
  await row(ada.page, 'A leaf and a list').getByRole('button', { name: 'Picture leaf.png' }).click();
  await until(() => ada.page.locator('dialog.lightbox img').evaluate((img) => img.naturalWidth === 40));
  await ada.page.keyboard.press('Escape');
  assert.equal(readFileSync(await download(ada.page, 'list.txt'), 'utf8'), 'milk');

  await ada.page.getByRole('button', { name: 'Search in this room' }).click();
  await ada.page.getByLabel('Words to look for').fill('KETTLE');
  await ada.page.locator('.hit').click();
  await focused(row(ada.page, 'Is the kettle on?'));

  await crash();
  expect(/^403 .v1.rooms/);
  await ada.page.locator('button.name', { hasText: 'bob' }).first().click();
  await ada.page.getByRole('button', { name: 'Ban…' }).click();
  await ada.page.getByRole('button', { name: 'Ban', exact: true }).click();
  await bob.page.getByRole('heading', { name: 'This room cannot be opened' }).waitFor();
  assert.equal(await roomLink(bob.page, 'Tea house').count(), 0);
  assert.deepEqual(await texts(ada.page), ['Is the kettle on?', 'It is.', 'Wonderful. (edited)', 'A leaf and a list']);

  async function crash() {
    await allSent(ada.page);
    await allSent(bob.page);
    await stop('SIGKILL');
    await start();
  }
});

scene('rooms: invites, roles, pins, settings, muting, and the end', async () => {
  const mia = await person('mia');
  const ned = await person('ned');
  await signUp(mia);
  await signUp(ned);
  await makeRoom(mia.page, 'Attic', 'Private');
  await roomMenu(mia.page, 'Invite people');
  await mia.page.getByRole('button', { name: 'Make a link' }).click();
  await mia.page.locator('.invite-code').waitFor();
  const link = await mia.page.evaluate(() => navigator.clipboard.readText());
  await mia.page.keyboard.press('Escape');
  await ned.page.goto(link);
  await ned.page.getByRole('button', { name: 'Join' }).click();
  await write(ned.page, 'hello from the invite');

  await row(mia.page, 'hello from the invite').getByRole('button', { name: 'ned' }).click();
  await mia.page.getByLabel('Role').selectOption('moderator');
  await until(async () => {
    await roomMenu(ned.page);
    const may = await ned.page.getByRole('menuitem', { name: 'Room settings' }).count();
    await ned.page.keyboard.press('Escape');
    return may;
  }, 'a moderator may change the room');
  await mia.page.keyboard.press('Escape');

  await act(ned.page, 'hello from the invite', 'More');
  await ned.page.getByRole('menuitem', { name: 'Pin', exact: true }).click();
  await row(mia.page, 'hello from the invite').getByText('Pinned').waitFor();

  await roomMenu(ned.page, 'Room settings');
  await ned.page.getByLabel('Name', { exact: true }).fill('Cellar');
  await ned.page.getByRole('button', { name: 'Save' }).click();
  await mia.page.getByRole('heading', { name: 'Cellar', exact: true }).waitFor();
  await ned.page.keyboard.press('Escape');

  await roomMenu(ned.page, 'Mute');
  await roomLink(ned.page, 'Cellar').getByText('muted').waitFor({ state: 'attached' });
  await makeRoom(ned.page, 'Quiet');
  await write(mia.page, 'nobody is told of this');
  await allSent(mia.page);
  await roomLink(ned.page, 'Cellar').click();
  await row(ned.page, 'nobody is told of this').waitFor();
  await write(mia.page, 'but this is seen at once');
  await row(ned.page, 'but this is seen at once').waitFor();

  expect(/^404 .v1.rooms/);
  await roomMenu(mia.page, 'Room settings');
  await mia.page.getByRole('button', { name: 'Delete the room…' }).click();
  await mia.page.getByRole('button', { name: 'Delete', exact: true }).click();
  await ned.page.getByRole('heading', { name: 'This room cannot be opened' }).waitFor();
  await until(async () => await roomLink(mia.page, 'Cellar').count() === 0, 'the room is off the list');
});

scene('people: direct messages, who is online, contacts, blocks', async () => {
  const oda = await person('oda');
  const per = await person('per');
  await signUp(oda);
  await signUp(per);
  await oda.page.keyboard.press('Control+k');
  await oda.page.getByRole('combobox').fill('per');
  await oda.page.getByRole('option', { name: '@per' }).click();
  await write(oda.page, 'between us');
  await until(async () => await badge(per.page, 'oda') === 1, 'one is unread');
  await roomLink(per.page, 'oda').click();
  await row(per.page, 'between us').waitFor();
  await oda.page.locator('.room-head').getByText('Online').waitFor();
  await until(async () => { // again and again, since it only holds for some seconds
    await box(per.page).pressSequentially('m');
    return oda.page.locator('.typing', { hasText: 'per is typing' }).count();
  }, 'per is seen to type');

  await oda.page.getByRole('button', { name: 'Profile of per' }).click();
  await oda.page.getByRole('button', { name: 'Add to contacts' }).click();
  await oda.page.getByRole('button', { name: 'Remove from contacts' }).waitFor();
  await oda.page.getByRole('button', { name: 'Block', exact: true }).click();
  await oda.page.getByRole('button', { name: 'Unblock' }).waitFor();
  await oda.page.keyboard.press('Escape');
  expect(/^403 .v1.rooms.\d+.(messages|typing)$/);
  await write(per.page, 'are you there?');
  await row(per.page, 'are you there?').getByText(/Not sent/).waitFor();
  await oda.page.getByRole('button', { name: 'Profile of per' }).click();
  await oda.page.getByRole('button', { name: 'Unblock' }).click();
  await oda.page.keyboard.press('Escape');
  await row(per.page, 'are you there?').getByRole('button', { name: 'Send again' }).click();
  await row(oda.page, 'are you there?').waitFor();
  assert.deepEqual(await texts(oda.page), ['between us', 'are you there?']);
  await per.context.close();
  await oda.page.locator('.room-head').getByText('Last seen').waitFor();
});
