// The store is always right: after random actions of two users, it equals what the server says.
//
//   SEED  of the random actions; a new one when left out

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, random, signUp, until, useServer } from './support.mjs';

const holder = useServer();
const SEED = Number(process.env.SEED) || Date.now() % 1_000_000;
const STEPS = 400;
const ROOMS = 4;
const EVERY = 20; // steps between two comparisons

/** The clients whose user has blocked the other. */
const blocking = new Set();

/** What the server says of the user's rooms, in their order. */
async function expectedRooms(client) {
  return (await client.request('GET', '/v1/rooms?limit=200')).items;
}

/** What the server says of the loaded part of a room's history. */
async function expectedMessages(client, room) {
  const { items } = await client.request('GET', `/v1/rooms/${room.id}/messages?limit=200`);
  return items.map(comparable);
}

/** The time of a deletion is not in its event. */
const comparable = ({ deleted_at, ...m }) => ({
  ...m,
  deleted: Boolean(deleted_at),
  reactions: m.reactions.map((r) => ({ ...r, me: r.me ?? false })),
});

async function compare(client, name) {
  // New messages of muted rooms and of blocked users are not told.
  await Promise.all(
    client.rooms.list.filter((r) => r.membership?.muted || blocking.has(client)).map((r) => r.refresh()),
  );
  await eventually(
    async () => client.rooms.list.map((r) => r.data),
    await expectedRooms(client),
    `the rooms of ${name}`,
  );
  for (const room of client.rooms.list.filter((r) => r.isOpen)) {
    if (room.hasOlder) continue; // a part of it
    await eventually(
      async () => room.messages.map(comparable),
      await expectedMessages(client, room),
      `what ${name} sees`,
    );
  }
}

test(`the store equals the server after random actions (SEED=${SEED})`, async () => {
  const { server } = holder;
  const { below, of } = random(SEED);
  const ann = await signUp(server, 'ann');
  const bob = await signUp(server, 'bob');
  const users = [ann, bob];
  const ids = [];
  for (let i = 0; i < ROOMS; i++) {
    const room = await ann.createRoom({ handle: `room-${i}` });
    ids.push(room.id);
    await bob.join(room.id);
    await ann.request('PUT', `/v1/rooms/${room.id}/members/@bob`, { body: { role: 'moderator' } });
    await room.open();
  }
  await until(() => users.every((u) => u.connection === 'open'));
  const mine = (client, room) => room.messages.filter((m) => m.sender.id === client.user.id && !m.deleted_at);
  const visible = (room) => room.messages.filter((m) => !m.deleted_at);

  /** @type {Record<string, (client: any, room: any) => unknown>} */
  const actions = {
    send: (client, room) => room.send(`text ${below(1000)}`).sent,
    sendMany: (client, room) => Promise.all([1, 2, 3].map((n) => room.send(`many ${n}`).sent)),
    edit: (client, room) => mine(client, room).length && room.edit(of(mine(client, room)).id, `edit ${below(1000)}`),
    remove: (client, room) => mine(client, room).length && room.delete(of(mine(client, room)).id),
    read: (client, room) => room.markRead(),
    readPart: (client, room) => room.messages.length && room.markRead(of(room.messages).id),
    react: (client, room) => visible(room).length && room.react(of(visible(room)).id, of(['👍', '🫖'])),
    unreact: (client, room) => visible(room).length && room.unreact(of(visible(room)).id, of(['👍', '🫖'])),
    open: (client, room) => room.open(),
    close: (client, room) => room.close(),
    mute: (client, room) => room.mute(below(2) === 1),
    comeAndGo: async (client, room) => {
      if (client !== bob) return;
      await room.leave();
      await client.join(room.id);
      await ann.request('PUT', `/v1/rooms/${room.id}/members/@bob`, { body: { role: 'moderator' } });
    },
    clear: (client, room) => below(3) === 0 && client.request('DELETE', `/v1/rooms/${room.id}/messages`),
    block: (client) => {
      blocking.add(client);
      return client.block(client === ann ? '@bob' : '@ann');
    },
    unblock: (client) => {
      blocking.delete(client);
      return client.unblock(client === ann ? '@bob' : '@ann');
    },
  };
  const names = Object.keys(actions);
  const often = [...names, 'send', 'send', 'send', 'sendMany', 'read'];
  /** @type {string[]} */ const done = [];
  for (let step = 1; step <= STEPS; step++) {
    const client = of(users);
    const room = client.rooms.get(of(ids));
    const name = of(often);
    done.push(`${client.user.username} ${name} ${room.id}`);
    try {
      await actions[name](client, room);
    } catch (err) {
      // The other has blocked the user, or the message was deleted meanwhile.
      assert.ok(['blocked', 'not_found', 'forbidden'].includes(err.code), `${done.at(-1)}: ${err.stack}`);
    }
    if (step % EVERY) continue;
    for (const user of users) {
      await compare(user, `${user.user.username} after ${done.slice(-EVERY).join(', ')}`);
    }
  }
});
