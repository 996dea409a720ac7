// Where there is no SharedWorker: one tab leads, the others talk to it. The lead is a lock; when its tab goes, the next
// one gets it and goes on from the last event that was passed around.

import { withLock, whenPageGone } from './locks.js';
import { StreamHub } from './stream-hub.js';

/**
 * Links this tab to the leader, which may be itself.
 * @param {string} tab @param {(message: any) => void} onMessage
 * @returns {(message: any) => void} sends to the leader
 */
export function linkToLeader(tab, onMessage) {
  const channel = new BroadcastChannel('parley.stream');
  /** @type {StreamHub | null} */
  let hub = null;
  let stepDown = () => {};

  /** @param {string} to @param {any} message */
  const deliver = (to, message) => (to === tab ? onMessage(message) : channel.postMessage({ to, message }));

  /** @param {string} from @param {any} message */
  const receive = (from, message) => {
    if (!hub) return;
    if (message.type === 'join') {
      const mine = hub;
      hub.join(from, (m) => deliver(from, m));
      if (from !== tab) {
        void whenPageGone(`parley.tab.${from}`, async () => {
          mine.leave(from);
          if (mine === hub) deliver(from, { type: 'moved' }); // should it only have been slow to object, it joins anew
        });
      }
    } else if (message.type === 'bye') hub.leave(from);
    else if (!hub.receive(from, message)) deliver(from, { type: 'moved' }); // one that was taken for gone: it joins anew
  };

  channel.onmessage = ({ data }) => {
    if (data.to === tab) onMessage(data.message);
    else if (data.leads) {
      // A page that slept or was slow was taken for gone, so that two lead: the one with the smaller name goes on.
      if (hub && tab < data.leads) channel.postMessage({ leads: tab });
      else {
        stepDown();
        onMessage({ type: 'moved' });
      }
    } else if (data.from) receive(data.from, data.message);
  };
  void lead();
  return (message) => (hub ? receive(tab, message) : channel.postMessage({ from: tab, message }));

  /** Waits for the lead, again and again, and keeps it as long as the tab lives. */
  async function lead() {
    for (;;) {
      await withLock(
        'parley.leader',
        () =>
          new Promise((resolve) => {
            const mine = (hub = new StreamHub());
            stepDown = () => {
              stepDown = () => {};
              hub = null;
              mine.stop();
              resolve(undefined);
            };
            channel.postMessage({ leads: tab });
            onMessage({ type: 'moved' });
          }),
      );
    }
  }
}
