// Tabs without the locks of the browser, as over plain http, where the tabs agree by messages.

Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });

const { BroadcastChannel } = globalThis;
globalThis.BroadcastChannel = class extends BroadcastChannel {
  constructor(name) {
    super(name);
    this.unref(); // otherwise Node.js does not exit
  }
};

const { lowLevel } = await import('../../../../sdk/sdk.js');

/** The locks of three tabs. */
export const tabs = [1, 2, 3].map(() => lowLevel.sharedLocks());
