// Three tabs, for network.test.mjs: one stays open, one waits for its end, and one takes another lock meanwhile.
import { parentPort } from 'node:worker_threads';
import { load } from './client.mjs';

const [living, waiting, other] = await Promise.all([1, 2, 3].map((n) => load('locks.js', `tab${n}`)));
const order = [];
for (let i = 0; i < 6; i++) {
  // several, because the ids of the requests are random
  living.holdWhileAlive(`alive ${i}`);
  void waiting.withLock(`alive ${i}`, async () => order.push(i));
}
for (const held = Date.now(); Date.now() - held < 500;); // blocks the event loop, as a busy machine does
await other.withLock('another', async () => order.push('another'));
parentPort.postMessage(order);
