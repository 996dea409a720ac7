// The text of messages: code, links and mentions; and that parsing takes linear time.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { load } from './client.mjs';

const { clean, isEmojiOnly, mentionsUser, parseText, summarize } = await load('text.js');
const kinds = (text) => parseText(text).map(({ kind, text: t }) => `${kind}: ${t}`);

test('a mention is a whole username, by the rules of usernames', () => {
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
    assert.ok(mentionsUser(text, 'anna'), text);
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
    assert.ok(!mentionsUser(text, 'anna'), text);
  }
});

test('names in other scripts, with marks, and with a full stop of their own', () => {
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
    assert.ok(mentionsUser(text, name), `${text} ${name}`);
  assert.ok(!mentionsUser('@anna', 'anna.'));
  assert.ok(!mentionsUser('@anna.', 'ann'));
  assert.ok(!mentionsUser('@a', 'a'), 'usernames are not so short');
  assert.deepEqual(kinds(`@${'x'.repeat(33)}`), [`text: @${'x'.repeat(33)}`], 'nor so long');
  assert.deepEqual(kinds('ask @anna.'), ['text: ask ', 'mention: @anna', 'text: .']);
});

test('brackets of the sentence are not part of a link, brackets of the link are', () => {
  for (const [text, address] of [
    ['(see http://a.example/b)', 'http://a.example/b'],
    ['http://a.example/b_(c)', 'http://a.example/b_(c)'],
    ['(http://a.example/b_(c)).', 'http://a.example/b_(c)'],
    ['[http://a.example/?q={1}]]', 'http://a.example/?q={1}'],
    ['https://a.example/, and', 'https://a.example/'],
  ])
    assert.deepEqual(
      parseText(text)
        .filter((p) => p.kind === 'link')
        .map((p) => p.text),
      [address],
      text,
    );
  for (const text of ['http://', 'https://[', 'http://a b'.slice(0, 7), 'javascript:alert(1)', 'xhttp://a.example']) {
    assert.ok(
      parseText(text).every((p) => p.kind === 'text'),
      text,
    );
  }
});

test('code is not parsed', () => {
  assert.deepEqual(kinds('a `b @c` d'), ['text: a ', 'code: b @c', 'text:  d']);
  assert.deepEqual(kinds('a `b'), ['text: a `b']);
  assert.deepEqual(kinds('``` `` ```'), ['block:  `` ']);
  assert.deepEqual(kinds('before\n```js\nlet x;\n```\nafter'), ['text: before', 'block: let x;', 'text: after']);
  assert.equal(parseText('```js\nlet x;\n```')[0].note, 'js');
  assert.deepEqual(kinds('```one line```'), ['block: one line'], 'a block of one line has no language');
  assert.deepEqual(kinds('```open for ever'), ['text: ```open for ever']);
  assert.equal(
    parseText('x `y` http://a.example @anna ```z``` end')
      .map((p) => p.text)
      .join('|'),
    'x |y| |http://a.example| |@anna| |z| end',
  );
});

test('control characters, lines and emoji', () => {
  assert.equal(clean('a\r\nb\rc\u0007\u007f\t'), 'a\nb\nc\u2407\u2421\t');
  for (const text of ['🎉', '👩🏽‍🚀 🎉', '❤️', ' 👍 ']) assert.ok(isEmojiOnly(text), text);
  for (const text of ['', 'a', '1', '🎉 a', '🎉'.repeat(7), '#']) assert.ok(!isEmojiOnly(text), text);
});

test('one line of a message', () => {
  const file = (name) => ({ name });
  assert.equal(summarize({ text: '```js\na\n```\n`b`  c', files: [] }), ' a b c');
  assert.equal(summarize({ files: [file('a.txt')] }), 'a.txt');
  assert.equal(summarize({ files: [file('a'), file('b')] }), '2 files');
  assert.equal(summarize({ text: 'x', deleted_at: 'now', files: [] }), 'Message deleted');
});

// In quadratic time, these would take hours: a worker that hangs is terminated, and no times are compared.
const LENGTH = 200_000;
const PATIENCE = 120_000;
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

test(`texts of ${LENGTH} characters of ${hostile.length} kinds are parsed in linear time`, async () => {
  const worker = new Worker(new URL('./long-texts.mjs', import.meta.url), { workerData: { hostile, length: LENGTH } });
  let at = 'the first';
  worker.on('message', (next) => {
    at = next;
  });
  const timer = setTimeout(() => worker.terminate(), PATIENCE);
  const [code] = await once(worker, 'exit');
  clearTimeout(timer);
  assert.equal(code, 0, `it hangs with ${JSON.stringify(at)}`);
});
