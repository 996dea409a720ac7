// Formats times, sizes and names, and makes links of the addresses in a text.

import { h } from './dom.js';

/** Times and days in the language of the page. @param {string | undefined} locale */
export function timesFor(locale) {
  /** @param {Intl.DateTimeFormatOptions} options */
  const format = (options) => {
    try {
      return new Intl.DateTimeFormat(locale || undefined, options);
    } catch {
      return new Intl.DateTimeFormat(undefined, options); // the page's lang is not the name of a language
    }
  };
  const clock = format({ hour: 'numeric', minute: '2-digit' });
  const day = format({ weekday: 'long', day: 'numeric', month: 'long' });
  const fullDay = format({ day: 'numeric', month: 'long', year: 'numeric' });
  return {
    /** @param {Date} time */
    clock: (time) => clock.format(time),
    /** @param {Date} time @param {import('./texts.js').Texts} texts */
    day(time, texts) {
      const now = new Date();
      const days = Math.round((midnight(now) - midnight(time)) / 86_400_000);
      if (days === 0) return texts.today;
      if (days === 1) return texts.yesterday;
      return (time.getFullYear() === now.getFullYear() ? day : fullDay).format(time);
    },
  };
}

/** @param {Date} d */
const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();

/** @param {number} bytes */
export function formatSize(bytes) {
  let unit = 0;
  while (bytes >= 1000 && unit < 4) {
    bytes /= 1000;
    unit++;
  }
  return `${unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${['B', 'kB', 'MB', 'GB', 'TB'][unit]}`;
}

/** The first letters of the first and the last word. @param {string} name */
export function initials(name) {
  const words = name.split(/[\s._-]+/u).filter((w) => /[\p{L}\p{N}]/u.test(w));
  const letters = words.map((w) => [...w].find((c) => /[\p{L}\p{N}]/u.test(c)) ?? '');
  return ((letters[0] ?? '?') + (letters.length > 1 ? letters.at(-1) : '')).toLocaleUpperCase();
}

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/g;
const AFTER = /[.,;:!?…'*_~)\]}]+$/; // what ends the sentence, and not the address

/** A text with links. @param {string} text */
export function withLinks(text) {
  const out = document.createDocumentFragment();
  let at = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const address = found.includes('(') ? found.replace(/[.,;:!?…'*_~]+$/, '') : found.replace(AFTER, '');
    if (!URL.canParse(address)) continue;
    out.append(
      text.slice(at, index),
      h('a', { href: address, target: '_blank', rel: 'noopener noreferrer nofollow' }, address),
    );
    at = index + address.length;
  }
  out.append(text.slice(at));
  return out;
}
