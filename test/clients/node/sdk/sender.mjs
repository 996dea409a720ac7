// Sends a message, and is killed before the server has the request, or before the client has the response.
//
//   node sender.mjs SERVER FOLDER ROOM before|after

import { connect, disturb, fileStorage } from './support.mjs';

const [server, folder, room, moment] = process.argv.slice(2);
disturb((request, next) => {
  // Its own event would tell the client that the server has the message.
  if (request.url.includes('/v1/events')) return new Promise(() => {});
  if (request.method !== 'POST' || !request.url.endsWith('/messages')) return undefined;
  const sent = moment === 'after' ? next(request) : Promise.resolve();
  return sent.then(() => process.kill(process.pid, 'SIGKILL'));
});
const parley = connect({ server, storage: fileStorage(folder) });
await parley.ready;
parley.rooms.get(Number(room)).send('only once');
