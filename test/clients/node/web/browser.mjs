// The browser under test: Chromium, or the Firefox that is installed, driven through WebDriver BiDi.
//
//   CHROMIUM  the browser; /usr/bin/chromium when left out
//   FIREFOX   the browser, in the place of Chromium

import { chromium, firefox } from 'playwright-core';

const { CHROMIUM, FIREFOX } = process.env;

export const isFirefox = Boolean(FIREFOX);

/** @param {...string} args more of Chromium's */
export async function launch(...args) {
  if (!isFirefox) {
    return chromium.launch({
      executablePath: CHROMIUM || '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-dev-shm-usage', ...args],
    });
  }
  const browser = await firefox.launch({ channel: 'moz-firefox', executablePath: FIREFOX });
  passOverMediaFeatures(browser);
  return browser;
}

/**
 * playwright-core sets colour schemes with a command that Firefox does not know yet, and does so for every page. Firefox
 * keeps its own then. This reaches into playwright-core, whose version is pinned; once Firefox knows it, it goes.
 */
function passOverMediaFeatures(browser) {
  const session = Object.getPrototypeOf(browser._connection.toImpl(browser)._browserSession);
  const { send } = session;
  session.send = function sendKnown(method, params) {
    return method === 'emulation.setMediaFeaturesOverride' ? Promise.resolve({}) : send.call(this, method, params);
  };
}

/** Lets a page read and write the clipboard; Firefox knows no such permission. */
export async function allowClipboard(context, origin) {
  if (!isFirefox) await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
}
