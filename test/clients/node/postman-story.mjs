// What Ada, Grace and Carl do with Parley, request by request. Each step names a request of the converted collection;
// path variables and bodies that are not given here are those of the contract's examples. A check runs inside Postman:
// it can only use `pm`, and the variables that it sets are available to the requests after it.

/** A picture of 2 by 2 pixels. */
export const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGM4kWIERAwQCgAorgV5QuEn7gAAAABJRU5ErkJggg==',
  'base64',
);

/** Runs after each request: stores the tokens of a log-in or a refresh for the next requests. */
export function storeTokens(pm) {
  if (!/json/.test(pm.response.headers.get('Content-Type') ?? '')) return;
  const { access_token: token, refresh_token: refresh, user } = pm.response.json();
  if (!token) return;
  pm.collectionVariables.set(user.username, token);
  pm.collectionVariables.set(`${user.username}-refresh`, refresh);
}

export const story = (pictureFile) => [
  ...arriving,
  ...people,
  ...room,
  ...members,
  ...kept,
  ...talking,
  ...found,
  ...privately,
  ...files(pictureFile),
  ...chunks,
  ...following,
  ...leaving,
];

const ada = (request, status, more) => ({ as: 'ada', request, status, ...more });
const grace = (request, status, more) => ({ as: 'grace', request, status, ...more });
const carl = (request, status, more) => ({ as: 'carl', request, status, ...more });
const anonymous = (request, status, more) => ({ as: 'anonymous', request, status, ...more });

const toGrace = { user: '@grace' };
const toCarl = { user: '@carl' };

const arriving = [
  anonymous('Ask whether the process is alive', 200, {
    check: (pm) => pm.expect(pm.response.json()).to.eql({ status: 'ok' }),
  }),
  anonymous('Ask whether the server can serve', 200, {
    check: (pm) => pm.expect(pm.response.json()).to.eql({ status: 'ok' }),
  }),
  anonymous('Sign up', 201, {
    check: (pm) => {
      const { user, token_type: type, expires_in: seconds } = pm.response.json();
      pm.expect(user).to.include({ username: 'ada', display_name: 'Ada', guest: false });
      pm.expect([type, seconds]).to.eql(['Bearer', 900]);
    },
  }),
  anonymous('Log in', 201, {
    body: '{"username": "grace", "guest": true}',
    check: (pm) => pm.expect(pm.response.json().user).to.include({ username: 'grace', guest: true }),
  }),
  anonymous('List the social networks to log in through', 200, {
    check: (pm) => pm.expect(pm.response.json()).to.eql({ items: [] }),
  }),
  ada('List what the account is linked with', 200, {
    check: (pm) => pm.expect(pm.response.json()).to.eql({ items: [] }),
  }),
  ada('Unlink an identity', 204),
  ada('Read the own profile', 200, { check: (pm) => pm.expect(pm.response.json().username).to.equal('ada') }),
  ada('Change the own profile', 200, {
    check: (pm) => pm.expect(pm.response.json().description).to.equal('Engines and notes.'),
  }),
];

const people = [
  ada('Search users by the start of their username', 200, {
    check: (pm) => pm.expect(pm.response.json().items.map((u) => u.username)).to.eql(['grace']),
  }),
  ada("Read a user's profile", 200, {
    path: toGrace,
    check: (pm) => pm.expect(pm.response.json().username).to.equal('grace'),
  }),
  ada('Add a contact', 200, {
    path: toGrace,
    check: (pm) => pm.expect(pm.response.json().user.username).to.equal('grace'),
  }),
  ada('List the contacts', 200, { check: (pm) => pm.expect(pm.response.json().items).to.have.length(1) }),
  ada('Remove a contact', 204, { path: toGrace }),
  ada('List the contacts', 200, { check: (pm) => pm.expect(pm.response.json()).to.eql({ items: [] }) }),
  ada('Block a user', 200, {
    path: toCarl,
    check: (pm) => pm.expect(pm.response.json().user.username).to.equal('carl'),
  }),
  ada('List the blocked users', 200, { check: (pm) => pm.expect(pm.response.json().items).to.have.length(1) }),
  ada('Unblock a user', 204, { path: toCarl }),
];

const room = [
  ada('Create a room', 201, {
    check: (pm) => {
      const made = pm.response.json();
      pm.expect(made).to.include({ handle: 'tea-house', name: 'Tea house', kind: 'public', member_count: 1 });
      pm.expect(pm.response.headers.get('Location')).to.equal(`/v1/rooms/${made.id}`);
      pm.collectionVariables.set('room', String(made.id));
      pm.collectionVariables.set('roomInBase64', btoa(String(made.id)));
    },
  }),
  ada('Read a room', 200, {
    path: { room: '%23tea-house' },
    check: (pm) => {
      pm.expect(String(pm.response.json().id)).to.equal(pm.collectionVariables.get('room'));
      pm.collectionVariables.set('cursor', pm.response.headers.get('Event-Cursor'));
    },
  }),
  ada('Change a room', 200, { check: (pm) => pm.expect(pm.response.json().name).to.equal('The tea house') }),
  grace('Search public rooms', 200, {
    query: { prefix: 'tea' },
    check: (pm) => pm.expect(pm.response.json().items.map((r) => r.handle)).to.eql(['tea-house']),
  }),
  ada('List the own rooms', 200, {
    check: (pm) => pm.expect(pm.response.json().items.map((r) => r.name)).to.include('The tea house'),
  }),
];

const members = [
  grace('Join a public room', 200, { check: (pm) => pm.expect(pm.response.json().membership.role).to.equal('member') }),
  ada('Add a member, or set a role', 200, {
    path: toGrace,
    check: (pm) => pm.expect(pm.response.json().role).to.equal('moderator'),
  }),
  carl('Join a public room', 200),
  carl('Enter a room with a stream', 204),
  carl('Tell that the caller is typing', 204),
  ada('List the members of a room', 200, {
    query: { present: 'true' },
    check: (pm) => pm.expect(pm.response.json().items.map((m) => m.user.username)).to.eql(['carl']),
  }),
  carl('Leave a room with a stream', 204),
  ada('List the members of a room', 200, {
    check: (pm) =>
      pm.expect(pm.response.json().items.map((m) => [m.user.username, m.role, m.present])).to.eql([
        ['carl', 'member', false],
        ['ada', 'owner', false],
        ['grace', 'moderator', false],
      ]),
  }),
  carl('Mute a room, or unmute it', 200, { check: (pm) => pm.expect(pm.response.json().muted).to.equal(true) }),
];

/** Carl is removed and banned, and joins again with an invite. */
const kept = [
  grace('Remove a member', 204, { path: toCarl }),
  grace('Ban a user from a room', 200, {
    path: toCarl,
    check: (pm) => pm.expect(pm.response.json().reason).to.equal('Advertising'),
  }),
  carl('Join a public room', 403, { check: (pm) => pm.expect(pm.response.json().code).to.equal('banned') }),
  ada('List the bans of a room', 200, {
    check: (pm) =>
      pm
        .expect(pm.response.json().items.map((b) => [b.user.username, b.banned_by.username]))
        .to.eql([['carl', 'grace']]),
  }),
  ada('Lift a ban', 204, { path: toCarl }),
  ada('Make an invite', 201, {
    check: (pm) => {
      const { code, uses } = pm.response.json();
      pm.expect(uses).to.equal(0);
      pm.collectionVariables.set('code', code);
    },
  }),
  carl('Redeem an invite', 200, { check: (pm) => pm.expect(pm.response.json().membership.role).to.equal('member') }),
  ada('List the invites of a room', 200, {
    check: (pm) => pm.expect(pm.response.json().items.map((i) => i.uses)).to.eql([1]),
  }),
  ada('Revoke an invite', 204),
  carl('Leave a room', 204),
];

const talking = [
  ada('Send a message', 201, {
    headers: { 'Idempotency-Key': 'tea-at-four' },
    check: (pm) => {
      const { id, text, client_id: mine } = pm.response.json();
      pm.expect([text, mine]).to.eql(['Tea at four?', 'c-7f31']);
      pm.collectionVariables.set('message', String(id));
      pm.collectionVariables.set('event', pm.response.headers.get('Event-Id'));
    },
  }),
  ada('Send a message', 201, {
    headers: { 'Idempotency-Key': 'tea-at-four' },
    check: (pm) => {
      pm.expect(String(pm.response.json().id)).to.equal(pm.collectionVariables.get('message'));
      pm.expect(pm.response.headers.get('Idempotency-Replayed')).to.equal('true');
    },
  }),
  grace('Mark messages as read', 200, {
    body: '{"message_id": {{message}}}',
    check: (pm) => pm.expect(pm.response.json().unread_count).to.equal(0),
  }),
  grace('Send a message', 201, {
    body: '{"text": "Yes, gladly.", "reply_to": {{message}}}',
    check: (pm) => pm.expect(String(pm.response.json().reply_to)).to.equal(pm.collectionVariables.get('message')),
  }),
  ada('Edit a message', 200, {
    check: (pm) => {
      pm.expect(pm.response.json().text).to.equal('Tea at five?');
      pm.expect(pm.response.json()).to.have.property('edited_at');
    },
  }),
  grace('React to a message', 200, {
    check: (pm) => pm.expect(pm.response.json().reactions).to.eql([{ emoji: '👍', count: 1, me: true }]),
  }),
  ada('Read a message', 200, {
    check: (pm) => pm.expect(pm.response.json().reactions).to.eql([{ emoji: '👍', count: 1, me: false }]),
  }),
  grace('Take a reaction back', 204),
  ada('Pin a message', 200, { check: (pm) => pm.expect(pm.response.json().pinned_by.username).to.equal('ada') }),
  grace('List the pinned messages', 200, {
    check: (pm) => pm.expect(pm.response.json().items.map((p) => p.message.text)).to.eql(['Tea at five?']),
  }),
  ada('Unpin a message', 204),
];

const found = [
  grace('Read the history', 200, {
    check: (pm) => {
      pm.expect(pm.response.json().items.map((m) => m.text)).to.eql(['Tea at five?', 'Yes, gladly.']);
      pm.expect(pm.response.json().items[0].reactions).to.eql([]);
    },
  }),
  grace('Read the history', 200, {
    query: { after: '{{message}}', limit: '1' },
    check: (pm) => pm.expect(pm.response.json().items.map((m) => m.text)).to.eql(['Yes, gladly.']),
  }),
  grace('Search the messages of a room', 200, {
    query: { q: 'five tea' },
    check: (pm) => pm.expect(pm.response.json().items.map((m) => m.text)).to.eql(['Tea at five?']),
  }),
  grace('Search the messages of a room', 200, {
    query: { prefix: 'yes' },
    check: (pm) => pm.expect(pm.response.json().items.map((m) => m.text)).to.eql(['Yes, gladly.']),
  }),
  ada('Search the messages of all own rooms', 200, {
    query: { q: 'gladly' },
    check: (pm) => pm.expect(pm.response.json().items.map((m) => m.text)).to.eql(['Yes, gladly.']),
  }),
];

const privately = [
  ada('Send a message to a channel or to a user', 201, {
    check: (pm) => pm.collectionVariables.set('direct', String(pm.response.json().room_id)),
  }),
  ada('Open the direct room with a user', 200, {
    path: toGrace,
    check: (pm) => {
      pm.expect(pm.response.json().kind).to.equal('direct');
      pm.expect(String(pm.response.json().id)).to.equal(pm.collectionVariables.get('direct'));
    },
  }),
  grace('List the own rooms', 200, {
    query: { unread: 'true' },
    check: (pm) =>
      pm.expect(pm.response.json().items.map((r) => [r.kind, r.membership.unread_count])).to.eql([['direct', 1]]),
  }),
];

const files = (pictureFile) => [
  ada('Upload a file', 201, {
    file: pictureFile,
    check: (pm) => {
      const file = pm.response.json();
      pm.expect(file).to.include({ name: 'harbour.png', media_type: 'image/png', width: 2, height: 2 });
      pm.collectionVariables.set('file', file.id);
      pm.collectionVariables.set('size', String(file.size));
    },
  }),
  ada('Send a message', 201, {
    body: '{"type": "image", "text": "The view from here", "file_ids": ["{{file}}"]}',
    check: (pm) => pm.expect(pm.response.json().files.map((f) => f.id)).to.eql([pm.collectionVariables.get('file')]),
  }),
  ada('Send a message with its files', 201, {
    form: { text: 'And from the pier' },
    file: pictureFile,
    check: (pm) => {
      const { type, text, files: sent } = pm.response.json();
      pm.expect([type, text, sent.map((f) => f.name)]).to.eql(['image', 'And from the pier', ['harbour.png']]);
    },
  }),
  grace("Read a file's metadata", 200, { check: (pm) => pm.expect(pm.response.json().name).to.equal('harbour.png') }),
  grace("Read a file's headers", 200, {
    check: (pm) => pm.expect(pm.response.headers.get('Content-Length')).to.equal(pm.collectionVariables.get('size')),
  }),
  grace('Download a file', 200, {
    check: (pm) => {
      pm.expect(String(pm.response.stream.length)).to.equal(pm.collectionVariables.get('size'));
      pm.collectionVariables.set('etag', pm.response.headers.get('ETag'));
    },
  }),
  grace('Download a file', 304, { headers: { 'If-None-Match': '{{etag}}' } }),
  grace('Download a file', 206, {
    headers: { Range: 'bytes=1-3', 'If-Range': '{{etag}}' },
    check: (pm) => pm.expect(pm.response.text()).to.equal('PNG'),
  }),
  grace("Download a picture's thumbnail", 200, {
    check: (pm) => pm.expect(pm.response.headers.get('Content-Type')).to.equal('image/jpeg'),
  }),
];

/** A file in chunks; the metadata's name and type are notes.txt and text/plain in Base64. */
const newUpload = ada('Begin an upload in chunks', 201, {
  headers: {
    'Tus-Resumable': '1.0.0',
    'Upload-Length': '11',
    'Upload-Metadata': 'filename bm90ZXMudHh0,filetype dGV4dC9wbGFpbg==,room_id {{roomInBase64}}',
  },
  check: (pm) => pm.collectionVariables.set('upload', pm.response.headers.get('Location').split('/').pop()),
});
const chunks = [
  anonymous('Ask what uploads can do', 204, {
    check: (pm) => pm.expect(pm.response.headers.get('Tus-Version')).to.equal('1.0.0'),
  }),
  newUpload,
  anonymous('Ask what an upload can do', 204),
  ada('Send bytes of an upload', 204, {
    headers: { 'Tus-Resumable': '1.0.0', 'Upload-Offset': '0' },
    body: 'Assam, ',
    check: (pm) => pm.expect(pm.response.headers.get('Upload-Offset')).to.equal('7'),
  }),
  ada('Ask how far an upload is', 200, {
    headers: { 'Tus-Resumable': '1.0.0' },
    check: (pm) => pm.expect(pm.response.headers.get('Upload-Offset')).to.equal('7'),
  }),
  ada('Send bytes of an upload', 204, {
    headers: { 'Tus-Resumable': '1.0.0', 'Upload-Offset': '7' },
    body: 'Mate',
    check: (pm) => pm.collectionVariables.set('file', pm.response.headers.get('Parley-File-Id')),
  }),
  ada('Download a file', 200, { check: (pm) => pm.expect(pm.response.text()).to.equal('Assam, Mate') }),
  newUpload,
  ada('Give an upload up', 204, { headers: { 'Tus-Resumable': '1.0.0' } }),
];

/** The events since the room was created, as a stream would have sent them to Grace. */
const following = [
  grace('Get a cookie for the event stream', 204),
  // A stream would not end; the form that polling had before it was a request of its own does.
  grace('Follow what happens', 200, {
    headers: { Accept: 'application/json' },
    query: { after: '{{cursor}}', limit: '200' },
    check: (pm) => pm.expect(pm.response.json()).to.include.keys('items', 'cursor'),
  }),
  grace('Poll what happened', 200, {
    query: { after: '{{cursor}}', limit: '200' },
    check: (pm) => {
      const { items, cursor } = pm.response.json();
      pm.expect(cursor).to.equal(pm.response.headers.get('Event-Cursor'));
      pm.expect(items.filter((e) => e.id === pm.collectionVariables.get('event')).map((e) => e.data.text)).to.eql([
        'Tea at five?',
      ]);
      pm.expect(items.map((e) => e.event)).to.include.members([
        'member.joined',
        'message.edited',
        'reaction.added',
        'pin.added',
      ]);
    },
  }),
];

const leaving = [
  ada('Delete a message', 204),
  grace('Read a message', 200, {
    check: (pm) => {
      pm.expect(pm.response.json()).to.have.property('deleted_at');
      pm.expect(pm.response.json()).not.to.have.property('text');
    },
  }),
  ada('Clear the history', 204),
  grace('Read the history', 200, { check: (pm) => pm.expect(pm.response.json()).to.eql({ items: [] }) }),
  grace('Leave a room', 204),
  ada('Delete a room', 204),
  ada('Read a room', 404, { check: (pm) => pm.expect(pm.response.json().code).to.equal('not_found') }),
  grace('Delete the own account', 204),
  ada("Read a user's profile", 404, { path: toGrace }),
  anonymous('Trade a refresh token for new tokens', 200, {
    body: '{"refresh_token": "{{ada-refresh}}"}',
    check: (pm) => pm.expect(pm.response.json().access_token).not.to.equal(pm.collectionVariables.get('bearerToken')),
  }),
  ada('Change the password', 204),
  anonymous('Log in', 401, { check: (pm) => pm.expect(pm.response.json().code).to.equal('bad_credentials') }),
  anonymous('Log in', 201, { body: '{"username": "ada", "password": "staple and candle"}' }),
  ada('List the own sessions', 200, {
    check: (pm) =>
      pm
        .expect(
          pm.response
            .json()
            .items.map((s) => s.current)
            .sort(),
        )
        .to.eql([false, true]),
  }),
  ada('Log out', 204),
  ada('Read the own profile', 401, { check: (pm) => pm.expect(pm.response.json().code).to.equal('session_revoked') }),
  anonymous('Read the metrics', 200, {
    check: (pm) => pm.expect(pm.response.text()).to.include('parley_http_requests_total'),
  }),
];
