// Where a session and unsent messages outlive the program: the browser's storage, that of the product, or memory.

import { reportError } from './tools.js';

/** @typedef {import('../sdk').Storage} Storage */

/** Keeps everything in memory. @returns {Storage} */
export function memoryStorage() {
  /** @type {Map<string, string>} */ const all = new Map();
  return {
    get: (key) => all.get(key) ?? null,
    set: (key, value) => void all.set(key, value),
    remove: (key) => void all.delete(key),
    keys: () => [...all.keys()],
  };
}

/** The browser's storage. A storage that is full or forbidden must not stop the chat. @returns {Storage} */
function webStorage() {
  const inMemory = memoryStorage();
  /** @template T @param {() => T} f @param {T} otherwise */
  const attempt = (f, otherwise) => {
    try {
      return f();
    } catch {
      return otherwise;
    }
  };
  return {
    get: (key) => attempt(() => localStorage.getItem(key), null) ?? inMemory.get(key),
    set: (key, value) => {
      inMemory.set(key, value);
      attempt(() => {
        localStorage.setItem(key, value);
        inMemory.remove(key);
      }, undefined);
    },
    remove: (key) => {
      inMemory.remove(key);
      attempt(() => localStorage.removeItem(key), undefined);
    },
    keys: () => [
      .../** @type {string[]} */ (inMemory.keys()),
      ...attempt(() => Object.keys(localStorage), /** @type {string[]} */ ([])),
    ],
  };
}

/**
 * A storage whose failures are reported, and thrown to nobody: a disk that is full must not stop the chat.
 * @param {Storage} storage
 */
export function patient(storage) {
  /** @template T @param {() => T | Promise<T>} f @param {T} otherwise @returns {Promise<T>} */
  const attempt = async (f, otherwise) => {
    try {
      return await f();
    } catch (err) {
      reportError(err);
      return otherwise;
    }
  };
  return {
    get: (/** @type {string} */ key) => attempt(() => storage.get(key), null),
    /** @param {string} key @param {string} value @returns whether it is stored */
    set: (key, value) =>
      attempt(async () => {
        await storage.set(key, value);
        return true;
      }, false),
    remove: (/** @type {string} */ key) => attempt(() => storage.remove(key), undefined),
    keys: () => attempt(() => storage.keys(), []),
  };
}

/** Whether this is a page of a browser, which may have more tabs. */
export const isPage = typeof document === 'object' && typeof localStorage === 'object';

export const defaultStorage = () => (isPage ? webStorage() : memoryStorage());
