// The SharedWorker that owns the stream of all tabs.

import { whenGone } from './locks.js';
import { StreamHub } from './stream-hub.js';

const hub = new StreamHub();

globalThis.addEventListener('connect', (event) => {
  const port = /** @type {MessageEvent} */ (event).ports[0];
  let tab = '';
  port.onmessage = ({ data }) => {
    if (data.type === 'join') {
      tab = data.tab;
      hub.join(tab, (message) => port.postMessage(message));
      // A tab holds a lock of its name as long as it is open: getting that lock means that the tab is closed.
      void whenGone(`parley.tab.${tab}`, async () => {
        hub.leave(tab);
        port.postMessage({ type: 'moved' }); // should it only have been slow to object, it joins anew
      });
    } else if (data.type === 'bye') hub.leave(tab);
    else if (!hub.receive(tab, data)) port.postMessage({ type: 'moved' }); // one that was taken for gone: it joins anew
  };
  port.start();
});
