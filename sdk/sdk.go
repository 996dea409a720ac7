// Package sdk has the client of Parley for JavaScript, and the element <parley-room> that uses it: two modules, and
// their types. "make generate" makes the modules from src and embed, and the client's types from types.d.ts and
// openapi.yaml.
package sdk

import _ "embed"

// The lines of the modules are short: Node.js prints the whole line of a module that throws.

//go:generate -command esbuild go run github.com/evanw/esbuild/cmd/esbuild@v0.28.2 --log-level=warning --line-limit=120
//go:generate esbuild src/index.js --bundle --format=esm --minify --target=es2022 --outfile=sdk.js
//go:generate esbuild embed/index.js --bundle --format=esm --minify --target=es2022 --external:./sdk.js --outfile=embed.js

// Module is the client as an ES module without imports.
//
//go:embed sdk.js
var Module []byte

// Types are the TypeScript types of Module.
//
//go:embed sdk.d.ts
var Types []byte

// Embed is the element as an ES module, which imports Module from the same folder.
//
//go:embed embed.js
var Embed []byte

// EmbedTypes are the TypeScript types of Embed.
//
//go:embed embed.d.ts
var EmbedTypes []byte
