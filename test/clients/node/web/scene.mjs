// A scene: people with browsers of their own, at one server. It is played twice at the same moment, each time at a server
// of its own: by mouse on desks of two widths, and by touch on phones. Whatever the browsers' consoles complain of fails it,
// but for what the scene itself brings about: refusals that it names, and connections that it cuts.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { allowClipboard, isFirefox, launch } from './browser.mjs';
import { Server } from './server.mjs';

export { until } from './server.mjs';

const PATIENCE = 60_000;
const CUT = /^net::ERR_|^503 |^404 .*[/]presence[/]/; // what a connection that ends, a server that stops and a stream that is gone make of requests
const FAILED = /^Failed to load resource: (?:the server responded with a status of (\d+)|(net::ERR_\w+))/;
/** A name of the server that is not the machine's own: over plain http its pages are not secure, as in a home's network. */
const ELSEWHERE = 'parley.example';

const DESKS = [{ viewport: { width: 1280, height: 800 } }, { viewport: { width: 1024, height: 768 } }];
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
export const MOUSE = { name: 'mouse', touch: false, screen: (nth) => DESKS[nth % DESKS.length] };
export const TOUCH = { name: 'touch', touch: true, screen: () => PHONE };
const DEVICES = isFirefox ? [MOUSE] : [MOUSE, TOUCH]; // Firefox does not play a phone

let browser;
const servers = new Map();
/** Whose a browser's context is. */
const scenes = new WeakMap();

before(async () => {
  for (const device of DEVICES) servers.set(device, await Server.make());
  [browser] = await Promise.all([
    launch(`--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`),
    ...[...servers.values()].map((server) => server.start()),
  ]);
});

after(async () => {
  await browser?.close();
  await Promise.all([...servers.values()].map((server) => server.finish()));
});

/** Plays a scene on each device. Its browsers are closed behind it. */
export function scene(name, play, devices = DEVICES) {
  describe(name, { concurrency: true }, () => {
    for (const device of devices) {
      it(`${name}, by ${device.name}`, async () => {
        const current = new Scene(device);
        try {
          await play(current);
          await Promise.all(current.contexts.flatMap((c) => c.pages()).map((page) => page.evaluate(() => 0))); // its last words
        } finally {
          await Promise.all(current.contexts.map((context) => context.close()));
        }
        assert.deepEqual(
          current.complaints.filter((c) => !current.excuses.some((e) => e.test(c))),
          [],
          'the console complains',
        );
      });
    }
  });
}

/** One play of a scene. Its methods may be taken out of it. */
class Scene {
  contexts = [];
  complaints = [];
  excuses = [];

  constructor(device) {
    this.device = device;
    this.server = servers.get(device);
    this.base = this.server.base;
    /** The same server, as pages see it that are not secure. */
    this.elsewhere = `http://${ELSEWHERE}:${this.server.port}`;
  }

  /** The scene brings about answers such as "403 /v1/rooms/1/messages", or a cut. */
  expect = (...patterns) => {
    this.excuses.push(...patterns);
  };

  /** Calls the API, as another program of the same user would. */
  api = (...args) => this.server.api(...args);

  start = () => this.server.start();

  /** Stops the server. From here on connections that fail are no surprise. */
  stop = async (signal) => {
    this.expect(CUT);
    await this.server.stop(signal);
  };

  /** A person with a browser of their own. */
  person = async (username, { base = this.base, ...options } = {}) => {
    const context = await browser.newContext({
      ...this.device.screen(this.contexts.length),
      baseURL: base,
      ...options,
    });
    this.contexts.push(context);
    scenes.set(context, this);
    if (base === this.elsewhere)
      this.expect(/^The Cross-Origin-Opener-Policy header has been ignored/); // it is for secure pages
    else await allowClipboard(context, base);
    return { context, page: await tab(context), username };
  };
}

/** All browsers of a machine have one clipboard: who copies and reads what is in it does so alone. */
let clipboard = Promise.resolve();
export const withClipboard = (f) => (clipboard = clipboard.then(f, f));

/** Whether a page is used with fingers. */
export const isTouched = (page) => scenes.get(page.context()).device.touch;

/** Takes a person off the net, or lets them on again. */
export async function offline({ context }, off) {
  scenes.get(context).expect(CUT);
  await context.setOffline(off);
}

/** The request is lost on its way. */
export function lose(route) {
  scenes.get(route.request().frame().page().context()).expect(CUT);
  return route.abort('connectionreset');
}

/** One more tab of the same browser. */
export async function tab(context, address = '/') {
  const page = await context.newPage();
  const { complaints } = scenes.get(context);
  page.setDefaultTimeout(PATIENCE);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(complaintOf(message));
  });
  page.on('pageerror', (err) => complaints.push(String(err.stack)));
  await page.goto(address);
  return page;
}

/** What the console says; of a request that failed, how, and for what. */
function complaintOf(message) {
  const failed = FAILED.exec(message.text());
  return failed ? `${failed[1] ?? failed[2]} ${new URL(message.location().url).pathname}` : message.text();
}

/** The room that a page shows, as an address. */
export const placeOf = (page) => `/${new URL(page.url()).hash}`;
