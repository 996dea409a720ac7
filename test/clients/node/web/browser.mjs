// The browser under test: Chromium, or the Firefox that is installed, driven through WebDriver BiDi.
//
//   CHROMIUM  the browser; /usr/bin/chromium when left out
//   FIREFOX   the browser, instead of Chromium

import { chromium, firefox } from 'playwright-core';

const { CHROMIUM, FIREFOX } = process.env;

export const isFirefox = Boolean(FIREFOX);

/** @param {...string} args additional arguments of Chromium */
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
 * playwright-core sets the colour scheme of every page with a command that Firefox does not support yet. This patch
 * skips the command, so that Firefox keeps its own scheme. It uses internals of playwright-core, whose version is
 * pinned; remove it once Firefox supports the command.
 */
function passOverMediaFeatures(browser) {
  const session = Object.getPrototypeOf(browser._connection.toImpl(browser)._browserSession);
  const { send } = session;
  session.send = function sendKnown(method, params) {
    return method === 'emulation.setMediaFeaturesOverride' ? Promise.resolve({}) : send.call(this, method, params);
  };
}

/** Lets a page read and write the clipboard; Firefox has no such permission. */
export async function allowClipboard(context, origin) {
  if (!isFirefox) await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
}
