// Parses long texts, for text.test.mjs, which terminates this thread if it hangs.
import { parentPort, workerData } from 'node:worker_threads';
import { load } from './client.mjs';

const { clean, isEmojiOnly, mentionsUser, summarize } = await load('text.js');
for (const [start, piece, end] of workerData.hostile) {
  parentPort.postMessage([start, piece, end]);
  const text = start + piece.repeat(workerData.length / piece.length) + end;
  clean(text);
  isEmojiOnly(text);
  mentionsUser(`${text}@`, 'anna');
  summarize({ text, files: [] });
}
