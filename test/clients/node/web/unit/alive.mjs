// Three tabs, for network.test.mjs: one lives, one waits for its end, and one takes another lock meanwhile.
import { parentPort } from 'node:worker_threads';
import { load } from './client.mjs';

const [living, waiting, other] = await Promise.all([1, 2, 3].map((n) => load('locks.js', `tab${n}`)));
const order = [];
for (let i = 0; i < 6; i++) {
  // whatever the names of the requests are
  living.holdWhileAlive(`alive ${i}`);
  void waiting.alone(`alive ${i}`, async () => order.push(i));
}
for (const held = Date.now(); Date.now() - held < 500;); // the machine is busy elsewhere
await other.alone('another', async () => order.push('another'));
parentPort.postMessage(order);
