// Finds /sdk.js, which the web client imports from its server, in the repository.

const sdk = new URL('../../../../../sdk/sdk.js', import.meta.url).href;

export const resolve = (specifier, context, next) =>
  specifier === '/sdk.js' ? { url: sdk, shortCircuit: true } : next(specifier, context);
