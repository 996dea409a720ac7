// Formatting of names, times, counts and sizes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './client.mjs';

const format = await load('format.js');

test('initials are letters of any script', () => {
  for (const [name, letters] of [
    ['Ada Lovelace', 'AL'],
    ['bob', 'B'],
    ['ann.b-c_d', 'AD'],
    ['_x_', 'X'],
    ['🎉 party', 'P'],
    ['王 小明', '王小'],
    ['élan vital', 'ÉV'],
    ['🎉', '🎉'],
    ['', '?'],
  ]) {
    assert.equal(format.initials(name), letters, name);
  }
});

test('sizes', () => {
  for (const [bytes, words] of [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [15_400, '15 kB'],
    [10_485_760, '10 MB'],
    [2.5e9, '2.5 GB'],
    [3e12, '3.0 TB'],
    [4e15, '4000 TB'],
  ]) {
    assert.equal(format.formatSize(bytes), words);
  }
});

test('lists and counts', () => {
  assert.deepEqual([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(format.joinNames), ['', 'a', 'a and b', 'a, b and c']);
  assert.equal(format.formatCount(1, 'member'), '1 member');
  assert.match(format.formatCount(1204, 'member'), /^1\D?204 members$/);
});

test('days are local days', () => {
  const day = (n) => {
    const now = new Date();
    return new Date(now.getFullYear(), now.getMonth(), now.getDate() + n, 12).toISOString();
  };
  assert.equal(format.dayName(day(0)), 'Today');
  assert.equal(format.dayName(day(-1)), 'Yesterday');
  assert.match(format.dayName('2020-06-15T12:00:00.000Z'), /2020/);
  assert.equal(format.dayKey(day(0)), format.dayKey(new Date().toISOString()));
  assert.notEqual(format.dayKey(day(0)), format.dayKey(day(-1)));
});

test('how long ago', () => {
  const before = (minutes) => format.formatAgo(new Date(Date.now() - minutes * 60_000).toISOString());
  assert.deepEqual([-5, 0, 1, 59, 60, 200].map(before), [
    'just now',
    'just now',
    '1 minute ago',
    '59 minutes ago',
    '1 hour ago',
    '3 hours ago',
  ]);
  assert.match(before(60 * 48), /^on /);
});

test('a colour depends on the id', () => {
  assert.equal(format.hueClass(5), format.hueClass(5));
  assert.match(format.hueClass(123456789), /^hue-\d+$/);
});
