// A scene: people with browsers of their own, at one server. Whatever the browsers' consoles complain of fails it, but for
// what the scene itself brings about: refusals that it names, and connections that it cuts.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allowClipboard, launch } from './browser.mjs';
import * as server from './server.mjs';

export { api, base, folder, start, until } from './server.mjs';

const PATIENCE = 60_000;
const CUT = /^net::ERR_|^503 |^404 .*[/]presence[/]/; // what a connection that ends, a server that stops and a stream that is gone make of requests
const FAILED = /^Failed to load resource: (?:the server responded with a status of (\d+)|(net::ERR_\w+))/;

let browser;
let current; // the scene that is played

before(async () => {
  await server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server.finish();
});

/** Plays a scene. Its browsers are closed behind it. */
export function scene(name, play) {
  test(name, async () => {
    current = { contexts: [], complaints: [], excuses: [] };
    try {
      await play();
      await Promise.all(current.contexts.flatMap((c) => c.pages()).map((page) => page.evaluate(() => 0))); // its last words
    } finally {
      await Promise.all(current.contexts.map((context) => context.close()));
    }
    const { complaints, excuses } = current;
    assert.deepEqual(complaints.filter((c) => !excuses.some((e) => e.test(c))), [], 'the console complains');
  });
}

/** The scene brings about answers such as "403 /v1/rooms/1/messages", or a cut. */
export function expect(...patterns) {
  current.excuses.push(...patterns);
}

/** Stops the server. From here on connections that fail are no surprise. */
export async function stop(signal) {
  expect(CUT);
  await server.stop(signal);
}

/** Takes a person off the net, or lets them on again. */
export async function offline({ context }, off) {
  expect(CUT);
  await context.setOffline(off);
}

/** The request is lost on its way. */
export function lose(route) {
  expect(CUT);
  return route.abort('connectionreset');
}

/** A person with a browser of their own. */
export async function person(username, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  current.contexts.push(context);
  await allowClipboard(context, server.base);
  return { context, page: await tab(context), username };
}

/** One more tab of the same browser. */
export async function tab(context, address = '/') {
  const page = await context.newPage();
  const { complaints } = current;
  page.setDefaultTimeout(PATIENCE);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(complaintOf(message));
  });
  page.on('pageerror', (err) => complaints.push(String(err.stack)));
  await page.goto(server.base + address);
  return page;
}

/** What the console says; of a request that failed, how, and for what. */
function complaintOf(message) {
  const failed = FAILED.exec(message.text());
  return failed ? `${failed[1] ?? failed[2]} ${new URL(message.location().url).pathname}` : message.text();
}

/** The room that a page shows, as an address. */
export const placeOf = (page) => `/${new URL(page.url()).hash}`;
