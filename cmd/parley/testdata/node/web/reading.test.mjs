// What there is to read: how much is new, and the way back through a long history.

import assert from 'node:assert/strict';
import { api, base, person, placeOf, scene, tab, until } from './scene.mjs';
import { act, allSent, badge, join, makeRoom, PASSWORD, roomLink, row, signUp, texts, write } from './steps.mjs';

scene('unread counts are exact, on both devices, and go when the messages were seen', async () => {
  const fay = await person('fay');
  const gus = await person('gus');
  await signUp(fay);
  await signUp(gus);
  await makeRoom(fay.page, 'Counting');
  await join(gus.page, 'Counting');
  await makeRoom(gus.page, 'Elsewhere');
  const phone = await tab(gus.context);
  await roomLink(phone, 'Counting').waitFor();
  const unread = (n) => until(async () => await badge(gus.page, 'Counting') === n && await badge(phone, 'Counting') === n, `${n} unread`);
  for (let i = 1; i <= 3; i++) await write(fay.page, `message ${i}`);
  // Two come while the other tab is reading its rooms: they are in the answer, and come as events too.
  await phone.route('**/v1/rooms?*', async (route) => {
    for (let i = 4; i <= 5; i++) await write(fay.page, `message ${i}`);
    await until(async () => await badge(gus.page, 'Counting') === 5, 'the stream of both tabs had them');
    await route.continue();
  }, { times: 1 });
  await phone.reload();
  await unread(5);
  await write(fay.page, 'message 6'); // none was counted twice before this one
  await unread(6);
  await act(fay.page, 'message 3', 'More');
  await fay.page.getByRole('menuitem', { name: 'Delete' }).click();
  await fay.page.getByRole('button', { name: 'Delete', exact: true }).click();
  await unread(5);
  await gus.page.bringToFront();
  await roomLink(gus.page, 'Counting').click();
  await unread(0);
  assert.equal(await gus.page.locator('.new-line').count(), 1);
});

scene('what is written while a room is being opened is there too', async () => {
  const lou = await person('lou');
  const max = await person('max');
  await signUp(lou);
  await signUp(max);
  await makeRoom(lou.page, 'Slow');
  await join(max.page, 'Slow');
  const slow = placeOf(max.page);
  await makeRoom(lou.page, 'Other');
  await join(max.page, 'Other');
  await makeRoom(max.page, 'Elsewhere');
  const answerLate = async (route) => {
    const answer = await route.fetch();
    await roomLink(lou.page, 'Slow').click();
    await write(lou.page, 'too late for the answer');
    await row(lou.page, 'too late for the answer').waitFor();
    await allSent(lou.page);
    await roomLink(lou.page, 'Other').click();
    await write(lou.page, 'a later event');
    await until(async () => await badge(max.context.pages().at(-1), 'Other') === 1, 'the events have come');
    await route.fulfill({ response: answer });
  };
  const answered = new Promise((done, failed) => {
    void max.context.route(`**/v1${slow.slice(2)}/messages?*`, (route) => answerLate(route).then(done, failed), { times: 1 });
  });
  const opened = await tab(max.context, slow);
  await answered;
  await row(opened, 'too late for the answer').waitFor();
});

scene('a long history is read in pages, keeps its place, and is jumped into', async () => {
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
  await until(async () => { // up, page by page
    await scroller.evaluate((el) => { el.scrollTop = 0; });
    return ian.page.locator('.beginning').count();
  }, 'the beginning');
  const up = await numbers();
  assert.deepEqual(up, up.map((_, i) => i + 1), 'the lines from the first one on, each once');
  await ian.page.getByRole('button', { name: 'To the newest message' }).click();
  await row(ian.page, 'line 420').waitFor();
  await ian.page.goto(`${base}/#/rooms/${room}/100`);
  await until(() => ian.page.locator('li.message[data-id="100"]').evaluate((el) => el === document.activeElement), 'the 100th has the focus');
  await until(async () => { // down again
    await scroller.evaluate((el) => { el.scrollTop = el.scrollHeight; });
    return (await numbers()).includes(420);
  }, 'the end');
  const down = await numbers();
  assert.deepEqual(down, down.map((_, i) => down[0] + i));
});
