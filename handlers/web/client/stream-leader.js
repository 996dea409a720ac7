// For browsers without SharedWorker: one tab leads, and the others send it messages. The leader holds a lock; when its
// tab is closed, the next tab gets the lock and continues from the last event that was delivered.

import { locks } from './api.js';
import { StreamHub } from './stream-hub.js';

const never = new AbortController().signal;

/**
 * Connects this tab to the leader, which may be this tab.
 * @param {string} tab @param {(message: any) => void} onMessage
 * @returns {(message: any) => void} sends a message to the leader
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
      const current = hub;
      hub.join(from, (m) => deliver(from, m));
      if (from !== tab) {
        const whenGone = async () => {
          current.leave(from);
          if (current === hub) deliver(from, { type: 'moved' }); // if it was only slow to object, it joins again
        };
        locks.whenGone(`parley.tab.${from}`, whenGone, never);
      }
    } else if (message.type === 'bye') hub.leave(from);
    else if (!hub.receive(from, message)) deliver(from, { type: 'moved' }); // it was considered closed: it joins again
  };

  channel.onmessage = ({ data }) => {
    if (data.to === tab) onMessage(data.message);
    else if (data.leads) {
      // A suspended tab was considered closed, so that now two tabs lead: the one with the smaller id continues.
      if (hub && tab < data.leads) channel.postMessage({ leads: tab });
      else {
        stepDown();
        onMessage({ type: 'moved' });
      }
    } else if (data.from) receive(data.from, data.message);
  };
  void lead();
  return (message) => (hub ? receive(tab, message) : channel.postMessage({ from: tab, message }));

  /** Waits for the lock and leads, until the tab steps down or is closed; then waits again. */
  async function lead() {
    for (;;) {
      await locks.hold(
        'parley.leader',
        () =>
          new Promise((resolve) => {
            const created = (hub = new StreamHub());
            stepDown = () => {
              stepDown = () => {};
              hub = null;
              created.stop();
              resolve(undefined);
            };
            channel.postMessage({ leads: tab });
            onMessage({ type: 'moved' });
          }),
      );
    }
  }
}
