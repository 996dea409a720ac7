// Tells what became of each test, as a line of JSON, to the Go test that runs these.
import { inspect } from 'node:util';

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type === 'test:diagnostic') console.error(data.message); // such as an error of what a test left behind
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const error = data.details.error;
    // A suite fails with what is in it, which has a line of its own.
    if (data.details.type === 'suite' && (!error || error.failureType === 'subtestsFailed')) continue;
    yield `${JSON.stringify({ name: data.name, failure: type === 'test:fail' ? inspect(error.cause ?? error) : '' })}\n`;
  }
}
