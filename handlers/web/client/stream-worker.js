// The SharedWorker that owns the stream of all tabs.

import { lowLevel } from '/sdk.js';
import { StreamHub } from './stream-hub.js';

const hub = new StreamHub();
const locks = lowLevel.sharedLocks();
const never = new AbortController().signal;

globalThis.addEventListener('connect', (event) => {
  const port = /** @type {MessageEvent} */ (event).ports[0];
  let tab = '';
  port.onmessage = ({ data }) => {
    if (data.type === 'join') {
      tab = data.tab;
      hub.join(tab, (message) => port.postMessage(message));
      // A tab holds a lock of its name as long as it is open: when the hub gets the lock, the tab is closed.
      const whenGone = async () => {
        hub.leave(tab);
        port.postMessage({ type: 'moved' }); // if it was only slow to object, it joins again
      };
      locks.whenGone(`parley.tab.${tab}`, whenGone, never);
    } else if (data.type === 'bye') hub.leave(tab);
    else if (!hub.receive(tab, data)) port.postMessage({ type: 'moved' }); // it was considered closed: it joins again
  };
  port.start();
});
