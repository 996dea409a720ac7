// Closes its client while the stream waits for a new token that does not come. Nothing may keep the program then.
//
//   node hanging.mjs SERVER TOKEN

import { connect, disturb, until } from './support.mjs';

const [server, token] = process.argv.slice(2);
disturb((request) =>
  request.url.includes('/v1/events')
    ? Promise.resolve(Response.json({ code: 'token_expired' }, { status: 401 }))
    : undefined,
);
let calls = 0;
const parley = connect({ server, token: () => (calls++ ? new Promise(() => {}) : token) });
await parley.ready;
await until(() => calls === 2);
parley.close();
