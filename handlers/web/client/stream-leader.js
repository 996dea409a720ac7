// Where there is no SharedWorker: one tab leads, the others talk to it. The lead is a lock; when its tab goes, the next
// one gets it and goes on from the last event that was passed around.

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

  /** @param {string} to @param {any} message */
  const deliver = (to, message) => (to === tab ? hear(message) : air.postMessage({ to, message }));

  /** @param {string} from @param {any} message */
  const receive = (from, message) => {
    if (!hub) return;
    if (message.type === 'join') {
      hub.join(from, (m) => deliver(from, m));
      if (from !== tab) void navigator.locks.request(`parley.tab.${from}`, async () => hub?.leave(from));
    } else if (message.type === 'bye') hub.leave(from);
    else hub.receive(from, message);
  };

  air.onmessage = ({ data }) => {
    if (data.to === tab) hear(data.message);
    else if (data.leads) hear({ type: 'moved' });
    else if (data.from) receive(data.from, data.message);
  };
  void navigator.locks.request('parley.leader', () => {
    hub = new StreamHub();
    air.postMessage({ leads: tab });
    hear({ type: 'moved' });
    return new Promise(() => {}); // the lead is kept as long as the tab lives
  });
  return (message) => (hub ? receive(tab, message) : air.postMessage({ from: tab, message }));
}
