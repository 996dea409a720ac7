// Formats names, times, counts and sizes for display.

/** @typedef {import('./types').UserRef} UserRef */

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const fullDay = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** @param {string} iso */
export const formatTime = (iso) => clock.format(new Date(iso));

/** The time without “AM” or “PM”, for narrow places. @param {string} iso */
export const formatBriefTime = (iso) =>
  clock
    .formatToParts(new Date(iso))
    .filter((p) => p.type !== 'dayPeriod')
    .map((p) => p.value)
    .join('')
    .trim();

/** @param {string} iso */
export const formatExactTime = (iso) => exact.format(new Date(iso));

/** The local day of a time, as a key for comparison; the keys have no order. @param {string} iso */
export const dayKey = (iso) => new Date(iso).toDateString();

/** "Today", "Yesterday", or the date. @param {string} iso */
export function dayName(iso) {
  const then = new Date(iso);
  const now = new Date();
  const days = Math.round((startOfDay(now) - startOfDay(then)) / 86_400_000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return (then.getFullYear() === now.getFullYear() ? weekday : fullDay).format(then);
}

/** @param {Date} d */
const startOfDay = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();

/** A time for lists: only the time if it is today, else the date and the time. @param {string} iso */
export const formatShortTime = (iso) =>
  dayName(iso) === 'Today' ? formatTime(iso) : `${shortDay.format(new Date(iso))}, ${formatTime(iso)}`;

/** "3 minutes ago". @param {string} iso */
export function formatAgo(iso) {
  const minutes = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 60_000));
  if (minutes < 1) return 'just now';
  if (minutes < 60) return formatCount(minutes, 'minute') + ' ago';
  if (minutes < 60 * 24) return formatCount(Math.round(minutes / 60), 'hour') + ' ago';
  return 'on ' + shortDay.format(new Date(iso));
}

/** "1 member", "1,204 members". @param {number} n @param {string} word */
export const formatCount = (n, word) => `${n.toLocaleString()} ${word}${n === 1 ? '' : 's'}`;

/** @param {number} bytes */
export function formatSize(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let n = bytes;
  let unit = -1;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}

/** The initials of a name: the first letter or digit of its first and of its last word. @param {string} name */
export function initials(name) {
  const words = name.split(/[\s._-]+/u).filter((w) => /[\p{L}\p{N}]/u.test(w));
  const letters = words.map((w) => [...w].find((c) => /[\p{L}\p{N}]/u.test(c)) ?? '');
  const both = letters.length > 1 ? letters[0] + letters[letters.length - 1] : (letters[0] ?? [...name][0] ?? '?');
  return both.toLocaleUpperCase();
}

/** The class of a user's colour. It depends on the id, so a new name does not change it. @param {number} id */
export const hueClass = (id) => `hue-${(id * 7) % 12}`;

/** @param {string[]} names */
export function joinNames(names) {
  if (names.length < 2) return names.join('');
  return names.slice(0, -1).join(', ') + ' and ' + names[names.length - 1];
}
