// Uploads a file with tus-js-client, like any client with a token and a room. Prints the result as JSON.
import { createReadStream } from 'node:fs';
import { Upload } from 'tus-js-client';

const [endpoint, token, room, path] = process.argv.slice(2);
let fileId;
let retries = 0;
const answers = {};

const upload = new Upload(createReadStream(path), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: 'noise.bin', filetype: 'application/octet-stream', room_id: room },
  retryDelays: [0, 1000, 2000, 2000, 2000, 5000, 10000],
  onAfterResponse: (request, response) => {
    const answer = `${request.getMethod()} ${response.getStatus()}`;
    answers[answer] = (answers[answer] ?? 0) + 1;
    fileId = response.getHeader('Parley-File-Id') ?? fileId;
  },
  onShouldRetry: () => {
    retries++;
    return true;
  },
  onSuccess: () => console.log(JSON.stringify({ file_id: fileId, retries, answers })),
  onError: (error) => {
    console.error(error);
    process.exitCode = 1;
  },
});
upload.start();
