// The text of messages: what is code, an address, a mention; and that no text takes longer than it is long.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { load } from './client.mjs';

const { clean, isEmoji, mentions, piecesOf, summary } = await load('text.js');
const kinds = (text) => piecesOf(text).map(({ kind, text: t }) => `${kind}: ${t}`);

test('a mention is the whole name, by the rules of usernames, and nothing else', () => {
  for (const text of [
    '@anna',
    'hi @anna!',
    '@anna.',
    '@anna...',
    '@ANNA',
    '(@anna)',
    '*@anna*',
    '@anna, you?',
    'wait...@anna',
    'a\n@anna\nb',
    '@anna-',
    '@ａｎｎａ',
    'well—@anna',
    '@anna’s',
    '@anna/@bob',
  ]) {
    assert.ok(mentions(text, 'anna'), text);
  }
  for (const text of [
    '@annabel',
    'info@anna.com',
    'anna',
    '@anna.com',
    '@anna_b',
    '@anna-lena',
    '@anna1',
    '@ann',
    '@ännä',
    'x@anna',
    '1@anna',
    '_@anna',
    'é@anna',
    'e\u0301@anna',
    '@@anna',
    '@anna@example.org',
    '`@anna`',
    '```\n@anna\n```',
    'https://example.org/@anna',
    '@аnna',
    '@',
    '@ anna',
    '@anna\u0301',
  ]) {
    assert.ok(!mentions(text, 'anna'), text);
  }
});

test('names of other scripts, with marks, and with a stop of their own', () => {
  for (const [text, name] of [
    ['@Çelik', 'çelik'],
    ['@ΟΔΥΣΣΕΥΣ.', 'οδυσσευς'],
    ['@用户 你好', '用户'],
    ['@नमस्ते!', 'नमस्ते'],
    ['@Zoe\u0308', 'zo\u00eb'],
    ['@anna.', 'anna.'],
    ['@anna', 'Anna'],
    ['@j.r.r', 'j.r.r'],
  ])
    assert.ok(mentions(text, name), `${text} ${name}`);
  assert.ok(!mentions('@anna', 'anna.'));
  assert.ok(!mentions('@anna.', 'ann'));
  assert.ok(!mentions('@a', 'a'), 'no username is so short');
  assert.deepEqual(kinds(`@${'x'.repeat(33)}`), [`text: @${'x'.repeat(33)}`], 'nor so long');
  assert.deepEqual(kinds('ask @anna.'), ['text: ask ', 'mention: @anna', 'text: .']);
});

test('brackets that belong to the sentence stay out of the address, those of the address in it', () => {
  for (const [text, address] of [
    ['(see http://a.example/b)', 'http://a.example/b'],
    ['http://a.example/b_(c)', 'http://a.example/b_(c)'],
    ['(http://a.example/b_(c)).', 'http://a.example/b_(c)'],
    ['[http://a.example/?q={1}]]', 'http://a.example/?q={1}'],
    ['https://a.example/, and', 'https://a.example/'],
  ])
    assert.deepEqual(
      piecesOf(text)
        .filter((p) => p.kind === 'link')
        .map((p) => p.text),
      [address],
      text,
    );
  for (const text of ['http://', 'https://[', 'http://a b'.slice(0, 7), 'javascript:alert(1)', 'xhttp://a.example']) {
    assert.ok(
      piecesOf(text).every((p) => p.kind === 'text'),
      text,
    );
  }
});

test('code is shown as it is written', () => {
  assert.deepEqual(kinds('a `b @c` d'), ['text: a ', 'code: b @c', 'text:  d']);
  assert.deepEqual(kinds('a `b'), ['text: a `b']);
  assert.deepEqual(kinds('``` `` ```'), ['block:  `` ']);
  assert.deepEqual(kinds('before\n```js\nlet x;\n```\nafter'), ['text: before', 'block: let x;', 'text: after']);
  assert.equal(piecesOf('```js\nlet x;\n```')[0].note, 'js');
  assert.deepEqual(
    kinds('```one line```'),
    ['block: one line'],
    'what stands alone on the line of the fence is no language',
  );
  assert.deepEqual(kinds('```open for ever'), ['text: ```open for ever']);
  assert.equal(
    piecesOf('x `y` http://a.example @anna ```z``` end')
      .map((p) => p.text)
      .join('|'),
    'x |y| |http://a.example| |@anna| |z| end',
  );
});

test('control characters, lines and emoji', () => {
  assert.equal(clean('a\r\nb\rc\u0007\u007f\t'), 'a\nb\nc\u2407\u2421\t');
  for (const text of ['🎉', '👩🏽‍🚀 🎉', '❤️', ' 👍 ']) assert.ok(isEmoji(text), text);
  for (const text of ['', 'a', '1', '🎉 a', '🎉'.repeat(7), '#']) assert.ok(!isEmoji(text), text);
});

test('one line of a message', () => {
  const file = (name) => ({ name });
  assert.equal(summary({ text: '```js\na\n```\n`b`  c', files: [] }), ' a b c');
  assert.equal(summary({ files: [file('a.txt')] }), 'a.txt');
  assert.equal(summary({ files: [file('a'), file('b')] }), '2 files');
  assert.equal(summary({ text: 'x', deleted_at: 'now', files: [] }), 'Message deleted');
});

// With steps in proportion to the square of the length, these would take hours: what hangs is ended, and no time is compared.
const LENGTH = 200_000;
const PATIENCE = 60_000;
const hostile = [
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '()',
  ')(',
  '[](',
  '.)',
  '<',
  '>',
  '`',
  '``',
  '```',
  '```a',
  '```\n',
  '`a\n',
  '@',
  '@a',
  '@a.',
  '@a-',
  '@a@',
  '@a.@',
  '*',
  '_',
  '~',
  '\n',
  '\r',
  ' ',
  '.',
  '\u0007',
  'http://',
  'http://a',
  'http://a ',
  'http://a.example/(',
  'https://[',
  'h',
  'é',
  '🦊',
  '👩🏽‍🚀',
  'e\u0301',
  '\ud800',
].flatMap((piece) =>
  ['', '@a', '```', '`', 'http://a.example/'].map((start) => [start, piece, piece === '.' ? 'b' : '']),
);

test(`texts of ${LENGTH} characters of ${hostile.length} kinds take time in proportion`, async () => {
  const worker = new Worker(new URL('./long-texts.mjs', import.meta.url), { workerData: { hostile, length: LENGTH } });
  let at = 'the first';
  worker.on('message', (next) => {
    at = next;
  });
  const timer = setTimeout(() => worker.terminate(), PATIENCE);
  const [code] = await once(worker, 'exit');
  clearTimeout(timer);
  assert.equal(code, 0, `it does not come to an end with ${JSON.stringify(at)}`);
});
