// A reporter for the Go test that runs the scenes: prints the result of each test as a line of JSON.
import { inspect } from 'node:util';

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type === 'test:diagnostic') console.error(data.message); // for example an error after the end of a test
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const error = data.details.error;
    // A suite fails with its subtests, which have their own lines.
    if (data.details.type === 'suite' && (!error || error.failureType === 'subtestsFailed')) continue;
    const failure = type === 'test:fail' ? inspect(error.cause ?? error) : '';
    yield `${JSON.stringify({ name: data.name, failure })}\n`;
  }
}
