// Where there is no SharedWorker: one tab leads, the others talk to it. The lead is a lock; when its tab goes, the next
// one gets it and goes on from the last event that was passed around.

import { alone, whenGone } from './locks.js';
import { StreamHub } from './stream-hub.js';

/**
 * Links this tab to the leader, which may be itself.
 * @param {string} tab @param {(message: any) => void} hear
 * @returns {(message: any) => void} sends to the leader
 */
export function linkToLeader(tab, hear) {
  const air = new BroadcastChannel('parley.stream');
  /** @type {StreamHub | null} */
  let hub = null;
  let giveUp = () => {};

  /** @param {string} to @param {any} message */
  const deliver = (to, message) => (to === tab ? hear(message) : air.postMessage({ to, message }));

  /** @param {string} from @param {any} message */
  const receive = (from, message) => {
    if (!hub) return;
    if (message.type === 'join') {
      const mine = hub;
      hub.join(from, (m) => deliver(from, m));
      if (from !== tab) {
        void whenGone(`parley.tab.${from}`, async () => {
          mine.leave(from);
          if (mine === hub) deliver(from, { type: 'moved' }); // should it only have been slow to object, it joins anew
        });
      }
    } else if (message.type === 'bye') hub.leave(from);
    else if (!hub.receive(from, message)) deliver(from, { type: 'moved' }); // one that was taken for gone: it joins anew
  };

  air.onmessage = ({ data }) => {
    if (data.to === tab) hear(data.message);
    else if (data.leads) {
      // A page that slept or was slow was considered closed, so that there are two leaders: the one with the smaller name stays.
      if (hub && tab < data.leads) air.postMessage({ leads: tab });
      else {
        giveUp();
        hear({ type: 'moved' });
      }
    } else if (data.from) receive(data.from, data.message);
  };
  void lead();
  return (message) => (hub ? receive(tab, message) : air.postMessage({ from: tab, message }));

  /** Waits to become the leader, again and again, and stays it as long as the tab is open. */
  async function lead() {
    for (;;) {
      await alone('parley.leader', () => new Promise((resolve) => {
        const mine = hub = new StreamHub();
        giveUp = () => {
          giveUp = () => {};
          hub = null;
          mine.end();
          resolve(undefined);
        };
        air.postMessage({ leads: tab });
        hear({ type: 'moved' });
      }));
    }
  }
}
