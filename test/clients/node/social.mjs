// A person logs in through a provider, in a real browser, from the button to the first message; links and unlinks.
//
//   node social.mjs <server> <room>      CHROMIUM  the browser; /usr/bin/chromium when left out
//
// The room is a public one. Whoever runs this tells the provider, "mock", who comes: two people who are let in, one who says
// no there, and one who is let in again. What the browser's console complains of is an error, but for the refusals that are named here.

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
  page.setDefaultTimeout(60_000);
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

/** From the button to the first message, in the room that the address named before. */
async function firstMessage() {
  const page = await person(`/#/rooms/${room}`);
  const seen = [];
  page.on('framenavigated', (frame) => seen.push(frame.url()));
  await page.getByRole('link', { name: 'Continue with mock' }).click();
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('textbox', { name: /^Message/ }).fill('My first words');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.locator('li.message:not(.pending)', { hasText: 'My first words' }).waitFor();
  assert.equal(new URL(page.url()).hash, `#/rooms/${room}`, 'the code has gone from the address');
  assert.ok(
    seen.every((url) => !/token/.test(url)),
    `no token is in an address: ${seen}`,
  );
  await page.reload(); // the session is one like any other
  await page.locator('li.message', { hasText: 'My first words' }).waitFor();
  return page;
}

/** The only way in stays; with another one it can go. */
async function unlink(page) {
  await profile(page);
  await page.getByRole('button', { name: 'Unlink mock' }).click();
  await page.getByText('This is the only way into your account').waitFor();
  complaints.splice(0, complaints.length, ...complaints.filter((c) => !/ 403 .*\/identities\//.test(c)));
  await page.getByRole('button', { name: 'Link mock', exact: true }).click();
  await page.getByText('mock opens your account now').waitFor();
  await profile(page);
  await page.getByRole('button', { name: 'Unlink mock' }).nth(1).waitFor();
  await page.getByRole('button', { name: 'Unlink mock' }).first().click();
  await page.getByRole('button', { name: 'Unlink mock' }).nth(1).waitFor({ state: 'detached' });
  await page.getByLabel('New password').fill('correct horse');
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('The new password holds').waitFor();
  await page.getByRole('button', { name: 'Unlink mock' }).click();
  await page.getByRole('button', { name: 'Unlink mock' }).waitFor({ state: 'detached' });
}

/** Who refuses at the provider to be named here is told so where they came from, and can try again. */
async function refused() {
  const page = await person('/');
  await page.getByRole('link', { name: 'Continue with mock' }).click();
  await page.getByText('The log-in did not work').waitFor();
  await page.getByRole('link', { name: 'Continue with mock' }).click();
  await rooms(page).waitFor();
}

try {
  const page = await firstMessage();
  await unlink(page);
  await refused();
  assert.deepEqual(complaints, [], 'the console complains');
} finally {
  await browser.close();
}
