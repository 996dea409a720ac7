// A person logs in with a provider in a real browser, sends a message, links and unlinks.
//
//   node social.mjs <server> <room>      CHROMIUM  the browser; /usr/bin/chromium when left out
//
// The room is public. The caller sets the results of the provider "mock": two people who are accepted, one who cancels,
// and one who is accepted again. Errors in the browser's console fail the test, except the expected refusals.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [base, room] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
const complaints = [];

async function person(address) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(120_000);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (err) => complaints.push(String(err.stack)));
  await page.goto(base + address);
  return page;
}

const rooms = (page) => page.getByRole('navigation', { name: 'Rooms' });

async function profile(page) {
  await page.getByRole('button', { name: 'Your menu' }).click();
  await page.getByRole('menuitem', { name: 'Profile and account' }).click();
}

/** Logs in and sends the first message, in the room of the original URL. */
async function firstMessage() {
  const page = await person(`/#/rooms/${room}`);
  const seen = [];
  page.on('framenavigated', (frame) => seen.push(frame.url()));
  await page.getByRole('link', { name: 'Continue with mock' }).click();
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('textbox', { name: /^Message/ }).fill('My first words');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.locator('li.message:not(.pending)', { hasText: 'My first words' }).waitFor();
  assert.equal(new URL(page.url()).hash, `#/rooms/${room}`, 'the code is removed from the URL');
  assert.ok(
    seen.every((url) => !/token/.test(url)),
    `no URL contains a token: ${seen}`,
  );
  await page.reload(); // the session resumes like any other
  await page.locator('li.message', { hasText: 'My first words' }).waitFor();
  return page;
}

/** The only log-in of an account cannot be unlinked; after a password or another log-in is set, it can. */
async function unlink(page) {
  await profile(page);
  await page.getByRole('button', { name: 'Unlink mock' }).click();
  await page.getByText('This is the only way into your account').waitFor();
  complaints.splice(0, complaints.length, ...complaints.filter((c) => !/ 403 .*\/identities\//.test(c)));
  await page.getByRole('button', { name: 'Link mock', exact: true }).click();
  await page.getByText('mock is linked to your account').waitFor();
  await profile(page);
  await page.getByRole('button', { name: 'Unlink mock' }).nth(1).waitFor();
  await page.getByRole('button', { name: 'Unlink mock' }).first().click();
  await page.getByRole('button', { name: 'Unlink mock' }).nth(1).waitFor({ state: 'detached' });
  await page.getByLabel('New password').fill('correct horse');
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('Password changed').waitFor();
  await page.getByRole('button', { name: 'Unlink mock' }).click();
  await page.getByRole('button', { name: 'Unlink mock' }).waitFor({ state: 'detached' });
}

/** A person who cancels at the provider returns to the log-in page with a message, and can try again. */
async function refused() {
  const page = await person('/');
  await page.getByRole('link', { name: 'Continue with mock' }).click();
  await page.getByText('The log-in failed').waitFor();
  await page.getByRole('link', { name: 'Continue with mock' }).click();
  await rooms(page).waitFor();
}

try {
  const page = await firstMessage();
  await unlink(page);
  await refused();
  assert.deepEqual(complaints, [], 'errors in the console');
} finally {
  await browser.close();
}
