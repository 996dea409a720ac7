// Converts openapi.yaml to a Postman collection, and runs it against a server with newman, in the order of a story from
// sign-up to log-out; tokens, ids and entity tags of the responses are used in later requests. The server must not have
// users with the names in the story. Prints the called operations as JSON, and errors on stderr.
//
//   node postman.mjs http://127.0.0.1:8080 [parley.postman_collection.json]
//
// With a second argument, the collection is written to that file, to be imported into Postman.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import newman from 'newman';
import converter from 'openapi-to-postmanv2';
import { picture, storeTokens, story } from './postman-story.mjs';

const [server, keptAs] = process.argv.slice(2);
const contract = readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8');

/** Converts the contract as Postman's import does, with folders by tag and values from the examples. */
async function convert() {
  const options = { folderStrategy: 'Tags', parametersResolution: 'Example', enableOptionalParameters: false };
  const { result, reason, output } = await promisify(converter.convertV2)({ type: 'string', data: contract }, options);
  assert.ok(result, reason);
  return output[0].data;
}

/** Checks that the collection is usable by hand: folders have the names of the tags, requests say what they do. */
function inspect(collection) {
  const tags = [...contract.matchAll(/^ {2}- name: (\w+)$/gm)].map((m) => m[1]);
  assert.deepEqual(
    collection.item.map((folder) => folder.name),
    tags,
  );
  assert.deepEqual(
    collection.auth.bearer.map(({ key, value }) => [key, value]),
    [['token', '{{bearerToken}}']],
  );
  for (const { name, request } of requestsOf(collection)) {
    assert.match(name, /^[A-Z][a-z]*[ a-z',-]+$/, 'a name is words');
    assert.deepEqual(request.url.host, ['{{baseUrl}}'], name);
    if (request.auth && request.auth.type !== 'noauth')
      assert.equal(request.auth.bearer[0].value, '{{bearerToken}}', name);
    if (request.body?.mode !== 'raw') continue;
    const values = Object.values(JSON.parse(request.body.raw));
    assert.ok(
      values.length > 0 && values.every((v) => v !== 'string' && !/^<.*>$/.test(v)),
      `${name}: ${request.body.raw}`,
    );
  }
}

const requestsOf = (collection) => collection.item.flatMap((folder) => folder.item);

/** Returns the request of a step, from the collection and with the values of the story. */
function requestOf(step, requests) {
  const found = requests.find(({ name }) => name === step.request);
  assert.ok(found, `the collection has no request "${step.request}"`);
  const { request } = structuredClone(found);
  for (const variable of request.url.variable ?? [])
    variable.value = step.path?.[variable.key] ?? `{{${variable.key}}}`;
  enable(request.url.query ?? [], step.query);
  enable(request.header, step.headers);
  if (step.body !== undefined) request.body = { mode: 'raw', raw: step.body };
  if (step.form) { // Postman imports a list of files as a text, whose type its user changes
    const fields = Object.entries(step.form).map(([key, value]) => ({ key, value, type: 'text' }));
    request.body.formdata = [...fields, { key: 'file', type: 'file' }];
  }
  if (step.file) request.body.formdata.find(({ type }) => type === 'file').src = step.file;
  const checks = `pm.test('returns ${step.status}', () => pm.response.to.have.status(${step.status}));`;
  return {
    name: step.request,
    request,
    event: [
      script(
        'prerequest',
        `pm.collectionVariables.set('bearerToken', pm.collectionVariables.get('${step.as}') || '');`,
      ),
      script('test', `${checks}\npm.test('has the right content', () => (${step.check ?? '() => {}'})(pm));`),
    ],
  };
}

/** Enables parameters, with the values of the story. */
function enable(parameters, values = {}) {
  for (const [key, value] of Object.entries(values)) {
    const parameter = parameters.find((p) => p.key.toLowerCase() === key.toLowerCase());
    assert.ok(parameter, `there is no parameter ${key}`);
    Object.assign(parameter, { value, disabled: false });
  }
}

const script = (listen, code) => ({ listen, script: { type: 'text/javascript', exec: code.split('\n') } });

/** Carl is a guest with an open stream, which Postman cannot open: only a stream can be present in a room. */
async function openStream() {
  const headers = { 'Content-Type': 'application/json' };
  const body = JSON.stringify({ username: 'carl', guest: true });
  const login = await fetch(`${server}/v1/sessions`, { method: 'POST', headers, body });
  assert.equal(login.status, 201, 'the name carl is taken: use a server without users');
  const { access_token: token } = await login.json();
  const leave = new AbortController();
  const stream = await fetch(`${server}/v1/events`, {
    headers: { Authorization: `Bearer ${token}` },
    signal: leave.signal,
  });
  let read = '';
  for await (const piece of stream.body.pipeThrough(new TextDecoderStream()).values({ preventCancel: true })) {
    read += piece;
    const [, id] = /"stream_id":"(\w+)"/.exec(read) ?? [];
    if (id) return { token, id, close: () => leave.abort() };
  }
  throw new Error(`no stream was opened: ${read}`);
}

/** Prints the failures, with the request and the response of each. Returns whether there were none. */
function report({ run }) {
  for (const { item, cursor, request, response } of run.executions) {
    const failures = run.failures.filter((f) => f.cursor.ref === cursor.ref);
    if (failures.length === 0) continue;
    console.error(`${item.name}: ${[...new Set(failures.map((f) => f.error.message))].join('; ')}`);
    console.error(`  ${request.method} ${request.url}\n  ${request.body ?? ''}`);
    console.error(`  → ${response?.code} ${response?.text()}`);
  }
  return run.failures.length === 0;
}

const converted = await convert();
inspect(converted);
const requests = requestsOf(converted);
const folder = mkdtempSync(path.join(tmpdir(), 'parley-postman-'));
const pictureFile = path.join(folder, 'harbour.png');
writeFileSync(pictureFile, picture);
const carl = await openStream();
try {
  const examples = requests.flatMap(({ request }) => request.url.variable ?? []).map(({ key, value }) => [key, value]);
  const variables = { ...Object.fromEntries(examples), baseUrl: server, carl: carl.token, stream: carl.id };
  const collection = {
    ...converted,
    item: story(pictureFile).map((step) => requestOf(step, requests)),
    event: [script('test', `(${storeTokens})(pm);`)],
    variable: Object.entries(variables).map(([key, value]) => ({ key, value })),
  };
  if (keptAs) writeFileSync(keptAs, JSON.stringify(collection, null, 2));
  const summary = await promisify(newman.run)({ collection, bail: ['failure'], timeoutRequest: 30_000 });
  if (!report(summary)) process.exitCode = 1;
  const called = new Set(summary.run.executions.map(({ item }) => item.name));
  console.log(JSON.stringify({ called: [...called], assertions: summary.run.stats.assertions.total }));
} finally {
  carl.close();
  rmSync(folder, { recursive: true, force: true });
}
