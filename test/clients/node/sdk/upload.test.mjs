// Uploads: progress, and what happens when the connection breaks.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { disturb, hang, open, PASSWORD, record, signUp, until, useServer } from './support.mjs';

const holder = useServer();
const bytes = new Uint8Array(5 * 1024 * 1024).map((_, i) => (i * 7919) >> 8);
const sha256 = createHash('sha256').update(bytes).digest('hex');

test('an upload continues where a broken connection ended it, also in another client', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'up-ann');
  const room = await ann.createRoom({ name: 'Files' });
  /** @type {number[]} */ const offsets = [];
  let broken = 0;
  disturb((request, next) => {
    if (request.method !== 'PATCH') return undefined;
    offsets.push(Number(request.headers.get('Upload-Offset')));
    if (offsets.length === 2) {
      broken++; // the server has the bytes, and the client does not know
      return next(request).then(() => Promise.reject(new TypeError('fetch failed')));
    }
    if (offsets.length === 4) return hang(request); // until it is closed
    return undefined;
  });
  const upload = ann.upload(room.id, new File([bytes], 'naïve ☕.bin'));
  /** @type {number[]} */ const progress = [];
  upload.subscribe(() => progress.push(upload.sent));
  await until(() => offsets.length === 4);
  const MB = 1024 * 1024;
  assert.deepEqual([offsets, broken], [[0, MB, 2 * MB, 3 * MB], 1]);
  assert.ok(progress.includes(MB) && progress.includes(3 * MB), String(progress));

  const again = open({ server: server.base, storage: ann.storage });
  await again.ready;
  const rest = again.upload(room.id, { name: 'naïve ☕.bin', data: new Blob([bytes]) }, { url: upload.url });
  const file = await rest.file;
  assert.deepEqual(offsets.slice(4), [3 * MB, 4 * MB]);
  assert.deepEqual([file.name, file.sha256, rest.state, rest.sent], ['naïve ☕.bin', sha256, 'done', bytes.length]);
  const message = await again.rooms.get(room.id).send({ text: 'here', files: [rest] }).sent;
  assert.deepEqual(
    message.files.map((f) => f.id),
    [file.id],
  );
});

test('an upload that has expired starts again, and one that is refused fails its message', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'up-bob');
  const room = await ann.createRoom({ name: 'Files' });
  const upload = ann.upload(room.id, new File(['tea'], 'tea.txt'), { url: '/v1/uploads/unknown' });
  assert.equal((await upload.file).size, 3);
  const message = room.send({ text: 'empty', files: [new File([], 'empty.txt')] });
  await until(() => message.state === 'failed');
  assert.equal(message.files[0].state, 'failed');
  message.discard();
});

test('a stopped upload is removed from the server', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'up-cay');
  const room = await ann.createRoom({ name: 'Files' });
  disturb((request) => (request.method === 'PATCH' ? hang(request) : undefined));
  const upload = ann.upload(room.id, new File(['tea'], 'tea.txt'));
  await until(() => upload.url);
  upload.stop();
  await assert.rejects(upload.file);
  const headers = { 'Tus-Resumable': '1.0.0' };
  await until(() =>
    ann.request('HEAD', upload.url, { headers }).then(
      () => false,
      (err) => err.status === 404 || err.status === 410,
    ),
  );
});

test('the uploads of a user end with the session, and do not go on as the next user', async () => {
  const { server } = holder;
  const ann = await signUp(server, 'up-dan');
  await signUp(server, 'up-eve');
  const room = await ann.createRoom({ name: 'Files' });
  let isAway = true;
  disturb((request) => (isAway && request.method === 'PATCH' ? hang(request) : undefined));
  const uploads = [1, 2, 3].map((i) => ann.upload(room.id, new File(['secret'], `${i}.txt`)));
  const { files } = room.send({ files: [new File(['secret'], '4.txt')] });
  uploads.push(...files);
  await until(() => uploads.filter((u) => u.url).length === 2); // no more are sent at a time
  await ann.logOut();
  isAway = false;
  const requests = record();
  await ann.logIn({ username: 'up-eve', password: PASSWORD });
  await Promise.all(uploads.map((u) => assert.rejects(u.file, /session/)));
  assert.deepEqual(new Set(uploads.map((u) => u.state)), new Set(['stopped']));
  for (const upload of uploads) upload.retry();
  const own = ann.upload((await ann.createRoom({ name: 'Own' })).id, new File(['tea'], 'tea.txt'));
  assert.equal((await own.file).name, 'tea.txt');
  assert.deepEqual(
    requests.filter((r) => r.includes('/uploads')),
    ['POST /v1/uploads', `PATCH ${own.url}`],
  );
});
