// Reading: unread counts, read marks, and a long history.

import assert from 'node:assert/strict';
import { roomPath, scene, openTab, until } from './scene.mjs';
import {
  act,
  allSent,
  badge,
  join,
  makeRoom,
  openRoom,
  PASSWORD,
  press,
  row,
  signUp,
  texts,
  roomLink,
  roomMenu,
  write,
} from './steps.mjs';

scene('unread counts are exact on both devices, and disappear when the messages are seen', async ({ person }) => {
  const fay = await person('fay');
  const gus = await person('gus');
  await signUp(fay);
  await signUp(gus);
  await makeRoom(fay.page, 'Counting');
  await join(gus.page, 'Counting');
  await makeRoom(gus.page, 'Elsewhere');
  const phone = await openTab(gus.context);
  await roomLink(phone, 'Counting').waitFor();
  const unread = (n) =>
    until(
      async () => (await badge(gus.page, 'Counting')) === n && (await badge(phone, 'Counting')) === n,
      `${n} unread`,
    );
  for (let i = 1; i <= 3; i++) await write(fay.page, `message ${i}`);
  // Two messages arrive while the other tab is reading its rooms: they are in the response, and in events too.
  await phone.route(
    '**/v1/rooms?*',
    async (route) => {
      for (let i = 4; i <= 5; i++) await write(fay.page, `message ${i}`);
      await until(async () => (await badge(gus.page, 'Counting')) === 5, 'the stream of both tabs had them');
      await route.continue();
    },
    { times: 1 },
  );
  await phone.reload();
  await unread(5);
  await write(fay.page, 'message 6'); // none was counted twice before this one
  await unread(6);
  await act(fay.page, 'message 3', 'More');
  await press(fay.page.getByRole('menuitem', { name: 'Delete' }));
  await press(fay.page.getByRole('button', { name: 'Delete', exact: true }));
  await unread(5);
  await gus.page.bringToFront();
  await openRoom(gus.page, 'Counting');
  await unread(0);
  assert.equal(await gus.page.locator('.new-line').count(), 1);
});

scene('read marks are sent for a muted room, which has no events about new messages', async ({ api, person }) => {
  const hal = await person('hal');
  const ivy = await person('ivy');
  await signUp(hal);
  await signUp(ivy);
  await makeRoom(hal.page, 'Noise');
  await join(ivy.page, 'Noise');
  await roomMenu(ivy.page, 'Mute');
  await roomLink(ivy.page, 'Noise').getByText('muted').waitFor({ state: 'attached' });
  const room = Number(/rooms\/(\d+)/.exec(hal.page.url())[1]);
  await makeRoom(ivy.page, 'Elsewhere');
  for (const text of ['one', 'two']) await write(hal.page, text);
  await allSent(hal.page);
  const { access_token: token } = await api('POST', '/v1/sessions', { username: 'ivy', password: PASSWORD });
  const read = async (upTo) => {
    const { membership } = await api('GET', `/v1/rooms/${room}`, undefined, token);
    return membership.last_read_id === upTo && membership.unread_count === 0;
  };
  await openRoom(ivy.page, 'Noise');
  await row(ivy.page, 'two').waitFor();
  await until(() => read(2), 'both are read');
  assert.equal(await ivy.page.locator('.new-line').count(), 1);
  await write(hal.page, 'three'); // while the room is visible
  await row(ivy.page, 'three').waitFor();
  await until(() => read(3), 'and the third');
});

scene('a message that is sent while a room is loading is shown', async ({ person }) => {
  const lou = await person('lou');
  const max = await person('max');
  await signUp(lou);
  await signUp(max);
  await makeRoom(lou.page, 'Slow');
  await join(max.page, 'Slow');
  const slow = roomPath(max.page);
  await makeRoom(lou.page, 'Other');
  await join(max.page, 'Other');
  await makeRoom(max.page, 'Elsewhere');
  const answerLate = async (route) => {
    const answer = await route.fetch();
    await openRoom(lou.page, 'Slow');
    await write(lou.page, 'too late for the answer');
    await row(lou.page, 'too late for the answer').waitFor();
    await allSent(lou.page);
    await openRoom(lou.page, 'Other');
    await write(lou.page, 'a later event');
    await until(async () => (await badge(max.context.pages().at(-1), 'Other')) === 1, 'the events have come');
    await route.fulfill({ response: answer });
  };
  const answered = new Promise((done, failed) => {
    void max.context.route(`**/v1${slow.slice(2)}/messages?*`, (route) => answerLate(route).then(done, failed), {
      times: 1,
    });
  });
  const opened = await openTab(max.context, slow);
  await answered;
  await row(opened, 'too late for the answer').waitFor();
});

scene(
  'a long history is loaded in pages, keeps its scroll position, and opens at any message',
  async ({ api, person }) => {
    const ian = await person('ian');
    await signUp(ian);
    await makeRoom(ian.page, 'Archive');
    const room = Number(/rooms\/(\d+)/.exec(ian.page.url())[1]);
    const { access_token: token } = await api('POST', '/v1/sessions', { username: 'ian', password: PASSWORD });
    for (let i = 1; i <= 420; i++) await api('POST', `/v1/rooms/${room}/messages`, { text: `line ${i}` }, token);
    await ian.page.reload();
    await row(ian.page, 'line 420').waitFor();
    const scroller = ian.page.locator('.scroller');
    const numbers = async () => (await texts(ian.page)).map((text) => Number(text.slice('line '.length)));
    await until(async () => {
      // up, page by page
      await scroller.evaluate((el) => {
        el.scrollTop = 0;
      });
      return ian.page.locator('.beginning').count();
    }, 'the beginning');
    const up = await numbers();
    assert.deepEqual(
      up,
      up.map((_, i) => i + 1),
      'the lines from the first one on, each once',
    );
    await press(ian.page.getByRole('button', { name: 'To the newest message' }));
    await row(ian.page, 'line 420').waitFor();
    await ian.page.goto(`/#/rooms/${room}/100`);
    await until(
      () => ian.page.locator('li.message[data-id="100"]').evaluate((el) => el === document.activeElement),
      'the 100th has the focus',
    );
    await until(async () => {
      // down again
      await scroller.evaluate((el) => {
        el.scrollTop = el.scrollHeight;
      });
      return (await numbers()).includes(420);
    }, 'the end');
    const down = await numbers();
    assert.deepEqual(
      down,
      down.map((_, i) => down[0] + i),
    );
  },
);
