// Reads long texts, for text.test.mjs, which ends this thread when it hangs.
import { parentPort, workerData } from 'node:worker_threads';
import { load } from './client.mjs';

const { clean, isEmoji, mentions, summary } = await load('text.js');
for (const [start, piece, end] of workerData.hostile) {
  parentPort.postMessage([start, piece, end]);
  const text = start + piece.repeat(workerData.length / piece.length) + end;
  clean(text);
  isEmoji(text);
  mentions(`${text}@`, 'anna');
  summary({ text, files: [] });
}
