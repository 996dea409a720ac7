// Validates the documents named on the command line with the parser of AsyncAPI, which AsyncAPI's own command line
// uses too. Errors and warnings fail.
//
//   node test/clients/node/asyncapi.mjs handlers/api/asyncapi.yaml
import { readFile } from 'node:fs/promises';
import { DiagnosticSeverity, Parser } from '@asyncapi/parser';

for (const name of process.argv.slice(2)) {
  const { document, diagnostics } = await new Parser().parse(await readFile(name, 'utf8'), { source: name });
  const found = diagnostics.filter(({ severity }) => severity <= DiagnosticSeverity.Warning);
  for (const { code, message, path, range, severity } of found) {
    const { line, character } = range.start;
    console.log(
      `${name}:${line + 1}:${character + 1} ${DiagnosticSeverity[severity]} ${code} ${message} ${path.join('.')}`,
    );
  }
  if (!document || found.length > 0) process.exitCode = 1;
}
