// Requests of the program: files, refusals, the headers of a response, and the names of rooms and users.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disturb, Problem, signUp, Unreachable, until, useServer } from './support.mjs';

const holder = useServer();

/** Responds to the requests for a path in place of the server. @param {string} path @param {() => Response} respond */
const replace = (path, respond) =>
  disturb((request) => (request.url.endsWith(path) ? Promise.resolve(respond()) : undefined));

const page = () =>
  new Response('<h1>Welcome to the hotel</h1>', { headers: { 'Content-Type': 'text/html; charset=utf-8' } });

test('files of messages are downloaded, whatever is in them', async () => {
  const ann = await signUp(holder.server, 'ann');
  const room = await ann.createRoom({ handle: 'files' });
  const contents = {
    'a.bin': new Uint8Array([0, 255, 10, 13]),
    'b.json': '{"is": "a file"}',
    'c.html': '<p>a page</p>',
  };
  const files = Object.entries(contents).map(([name, content]) => ({ name, data: new Blob([content]) }));
  const message = await room.send({ text: 'all of them', files }).sent;
  for (const [i, { data }] of files.entries()) {
    const file = message.files[i];
    for (const got of [
      await ann.download(file),
      await ann.download(file.url),
      await ann.request('GET', file.url, { bytes: true }),
    ])
      assert.deepEqual(Buffer.from(await got.arrayBuffer()), Buffer.from(await data.arrayBuffer()), file.name);
  }
  const [file] = message.files;
  await assert.rejects(ann.download('/v1/files/f_none/content'), { name: 'Problem', status: 404 });
  replace(file.url, page);
  await assert.rejects(ann.download(file), Unreachable);
});

test("a proxy's page in place of JSON is no response of the server", async () => {
  const ann = await signUp(holder.server, 'hotel-ann');
  replace('/v1/users/me', page);
  await assert.rejects(ann.request('GET', '/v1/users/me'), Unreachable);
});

test('a problem says what is wrong with the request, and keeps all that the server says', async () => {
  const ann = await signUp(holder.server, 'wrong-ann');
  const room = await ann.createRoom({ handle: 'wrong' });
  const message = room.send('x'.repeat(9000));
  await until(() => message.state === 'failed');
  assert.ok(message.error instanceof Problem);
  const { type, title, detail, status } = message.error;
  assert.equal(message.error.message, 'text must be at most 8000 characters');
  assert.deepEqual([type, title, status], ['/docs/problems#invalid_request', 'Bad Request', 400]);
  assert.match(detail, /errors says where/);
  message.discard();
  message.sent.catch(() => {});
  await assert.rejects(ann.request('POST', '/v1/rooms', { body: { kind: 'none', handle: '!', name: '' } }), (err) => {
    const [{ field, message: first }, ...others] = err.errors;
    assert.ok(others.length > 0);
    assert.equal(err.message, `${field} ${first} (and ${others.length} more)`);
    return true;
  });
  await assert.rejects(ann.request('GET', '/v1/rooms/999'), (err) => {
    assert.deepEqual([err.message, err.errors], [err.detail, []]);
    return err.detail !== '';
  });
});

test('a full response has the headers with which a change is made only if nobody else has made one', async () => {
  const ann = await signUp(holder.server, 'tag-ann');
  const { id } = await ann.createRoom({ handle: 'tagged' });
  const { data, headers, status } = await ann.request('GET', `/v1/rooms/${id}`, { full: true });
  assert.deepEqual([data.handle, status], ['tagged', 200]);
  const change = (name) =>
    ann.request('PATCH', `/v1/rooms/${id}`, { body: { name }, headers: { 'If-Match': headers.get('ETag') } });
  assert.equal((await change('First')).name, 'First');
  await assert.rejects(change('Second'), { name: 'Problem', status: 412 });
});

test('rooms and users are named by an id, or by a name with its sign or without', async () => {
  const ann = await signUp(holder.server, 'name-ann');
  const bob = await signUp(holder.server, 'name-bob');
  const { id } = await ann.createRoom({ handle: 'named' });
  for (const name of [id, String(id), 'named', '#named']) {
    assert.equal((await bob.open(name)).id, id);
    assert.equal((await bob.join(name)).id, id);
  }
  const direct = [];
  for (const name of [bob.user.id, String(bob.user.id), 'name-bob', '@name-bob'])
    direct.push((await ann.direct(name)).id);
  assert.equal(new Set(direct).size, 1);
  const blocked = async () => (await ann.request('GET', '/v1/blocks')).items.length;
  await ann.block('name-bob');
  assert.equal(await blocked(), 1);
  await ann.unblock('name-bob');
  assert.equal(await blocked(), 0);
});
