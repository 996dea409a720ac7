// Three tabs, for locks.test.mjs: one stays open, one waits for its end, and one takes another lock meanwhile.
import { parentPort } from 'node:worker_threads';
import { tabs } from './tabs.mjs';

const [living, waiting, other] = tabs;
const order = [];
for (let i = 0; i < 6; i++) {
  // several, because the ids of the requests are random
  living.keep(`alive ${i}`);
  waiting.whenGone(`alive ${i}`, async () => order.push(i), new AbortController().signal);
}
for (const held = Date.now(); Date.now() - held < 500;); // blocks the event loop, as a busy machine does
await other.hold('another', async () => order.push('another'));
parentPort.postMessage(order);
