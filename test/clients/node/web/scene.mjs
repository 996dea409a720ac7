// A scene: people with their own browsers at one server. It runs twice at the same time, each time with its own server:
// by mouse on desktops of two widths, and by touch on phones. Every error or warning in a browser's console fails the
// scene, except those that it expects: error responses that it names, and connections that it interrupts.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { allowClipboard, isFirefox, launch } from './browser.mjs';
import { Server } from './server.mjs';

export { until } from './server.mjs';

const PATIENCE = 120_000;
/** Requests that fail because of a lost connection, a stopping server or a closed stream. */
const CUT = /^net::ERR_|^503 |^404 .*[/]presence[/]/;
const FAILED = /^Failed to load resource: (?:the server responded with a status of (\d+)|(net::ERR_\w+))/;
/** A host name that is not local: over plain http, its pages are not in a secure context, as in a private network. */
const INSECURE_HOST = 'parley.example';

const DESKS = [{ viewport: { width: 1280, height: 800 } }, { viewport: { width: 1024, height: 768 } }];
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
export const MOUSE = { name: 'mouse', touch: false, screen: (nth) => DESKS[nth % DESKS.length] };
export const TOUCH = { name: 'touch', touch: true, screen: () => PHONE };
const DEVICES = isFirefox ? [MOUSE] : [MOUSE, TOUCH]; // Firefox cannot emulate a phone

let browser;
const servers = new Map();
/** The scene of each browser context. */
const scenes = new WeakMap();

before(async () => {
  for (const device of DEVICES) servers.set(device, await Server.make());
  [browser] = await Promise.all([
    launch(`--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`),
    ...[...servers.values()].map((server) => server.start()),
  ]);
});

after(async () => {
  await browser?.close();
  await Promise.all([...servers.values()].map((server) => server.finish()));
});

/** Runs a scene on each device, and closes its browsers afterwards. */
export function scene(name, play, devices = DEVICES) {
  describe(name, { concurrency: true }, () => {
    for (const device of devices) {
      it(`${name}, by ${device.name}`, async () => {
        const current = new Scene(device);
        try {
          await play(current);
          // Waits until the messages of the consoles have arrived.
          await Promise.all(current.contexts.flatMap((c) => c.pages()).map((page) => page.evaluate(() => 0)));
        } finally {
          await Promise.all(current.contexts.map((context) => context.close()));
        }
        assert.deepEqual(
          current.complaints.filter((c) => !current.excuses.some((e) => e.test(c))),
          [],
          'errors in the console',
        );
      });
    }
  });
}

/** One run of a scene. Its methods are bound, so that they can be destructured. */
class Scene {
  contexts = [];
  complaints = [];
  excuses = [];

  constructor(device) {
    this.device = device;
    this.server = servers.get(device);
    this.base = this.server.base;
    /** The same server, for pages outside a secure context. */
    this.insecureBase = `http://${INSECURE_HOST}:${this.server.port}`;
  }

  /** Expects errors in the console, such as "403 /v1/rooms/1/messages". */
  expect = (...patterns) => {
    this.excuses.push(...patterns);
  };

  /** Calls the API, as another program of the same user would. */
  api = (...args) => this.server.api(...args);

  start = () => this.server.start();

  /** Stops the server, and expects failed connections from now on. */
  stop = async (signal) => {
    this.expect(CUT);
    await this.server.stop(signal);
  };

  /** A person with their own browser. */
  person = async (username, { base = this.base, ...options } = {}) => {
    const context = await browser.newContext({
      ...this.device.screen(this.contexts.length),
      baseURL: base,
      ...options,
    });
    this.contexts.push(context);
    scenes.set(context, this);
    if (base === this.insecureBase)
      this.expect(/^The Cross-Origin-Opener-Policy header has been ignored/); // it needs a secure context
    else await allowClipboard(context, base);
    return { context, page: await openTab(context), username };
  };
}

/** Runs f alone: all browsers of a machine share one clipboard. */
let clipboard = Promise.resolve();
export const withClipboard = (f) => (clipboard = clipboard.then(f, f));

/** Whether a page is used by touch. */
export const isTouched = (page) => scenes.get(page.context()).device.touch;

/** Disconnects a person from the network, or connects them again. */
export async function setOffline({ context }, isOffline) {
  scenes.get(context).expect(CUT);
  await context.setOffline(isOffline);
}

/** Aborts a request with a network error. */
export function abortRequest(route) {
  scenes.get(route.request().frame().page().context()).expect(CUT);
  return route.abort('connectionreset');
}

/** Opens another tab of the same browser. */
export async function openTab(context, address = '/') {
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

/** The text of a console message; for a failed request, its status or error, and its path. */
function complaintOf(message) {
  const failed = FAILED.exec(message.text());
  return failed ? `${failed[1] ?? failed[2]} ${new URL(message.location().url).pathname}` : message.text();
}

/** The path of the room that a page shows. */
export const roomPath = (page) => `/${new URL(page.url()).hash}`;
