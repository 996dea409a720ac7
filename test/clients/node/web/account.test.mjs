// Guests, accounts, and sessions that all tabs share.

import assert from 'node:assert/strict';
import { scene, openTab, until } from './scene.mjs';
import {
  allSent,
  asGuest,
  makeRoom,
  myMenu,
  openRoom,
  PASSWORD,
  press,
  roomLink,
  row,
  signUp,
  toRooms,
  write,
} from './steps.mjs';

scene('a guest creates an account and keeps everything; a log-out reaches all tabs', async ({ expect, person }) => {
  const joe = await person('joe');
  await asGuest(joe);
  await makeRoom(joe.page, 'Mine');
  await write(joe.page, 'kept');
  await allSent(joe.page);
  await toRooms(joe.page);
  await press(joe.page.getByRole('button', { name: 'Keep account' }));
  await joe.page.getByLabel('Password').fill(PASSWORD);
  await press(joe.page.getByRole('button', { name: 'Create account' }));
  await joe.page.getByText('@joe').waitFor();
  await openRoom(joe.page, 'Mine');
  await row(joe.page, 'kept').waitFor();
  const other = await openTab(joe.context);
  await roomLink(other, 'Mine').waitFor();
  expect(/^401 /);
  await myMenu(joe.page, 'Log out');
  for (const page of [joe.page, other]) await page.getByRole('heading', { name: 'Log in' }).waitFor();
});

scene(
  'tabs that refresh at the same time keep their session, and a log-out on another device is shown',
  async ({ api, expect, person }) => {
    const quin = await person('quin');
    await signUp(quin);
    expect(/^401 /);
    const tabs = [quin.page, await openTab(quin.context), await openTab(quin.context)];
    let refused = 0;
    let refreshing = 0;
    let most = 0;
    const expired = { type: 'about:blank', title: 'Unauthorized', status: 401, code: 'token_expired' };
    for (const page of tabs) {
      await page.route('**/v1/users/me/password', (route) =>
        ++refused > tabs.length
          ? route.continue()
          : route.fulfill({ status: 401, contentType: 'application/problem+json', body: JSON.stringify(expired) }),
      );
      await page.route('**/v1/sessions/refresh', async (route) => {
        most = Math.max(most, ++refreshing);
        await until(() => refused >= tabs.length, 'all tabs were refused');
        for (const other of tabs)
          await other.evaluate(
            () =>
              new Promise((done) => {
                requestAnimationFrame(() => setTimeout(done));
              }),
          );
        await route.continue();
        refreshing--;
      });
      await myMenu(page, 'Profile and account');
      await page.getByLabel('Current password').fill('wrong on purpose');
      await page.getByLabel('New password').fill('correct horse 2');
    }
    await Promise.all(tabs.map((page) => press(page.getByRole('button', { name: 'Change password' }))));
    // Refused for the password, not for the session.
    for (const page of tabs) await page.getByText('The current password is wrong.').waitFor();
    assert.equal(most, 1, 'a refresh token was about to be used twice');

    const { access_token: token } = await api('POST', '/v1/sessions', { username: 'quin', password: PASSWORD });
    await api('PUT', '/v1/users/me/password', { current_password: PASSWORD, new_password: 'correct horse 3' }, token);
    for (const page of tabs) await page.getByText('Your password was changed on another device').waitFor();
  },
);
