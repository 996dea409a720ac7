// Package sdk has the client of Parley for JavaScript: one module, and its types. Both are made by "make generate": the
// module from src, the types from types.d.ts and openapi.yaml.
package sdk

import _ "embed"

//go:generate -command esbuild go run github.com/evanw/esbuild/cmd/esbuild@v0.28.2 --log-level=warning
//go:generate esbuild src/index.js --bundle --format=esm --minify --target=es2022 --outfile=sdk.js

// Module is the client as an ES module without imports.
//
//go:embed sdk.js
var Module []byte

// Types are the TypeScript types of Module.
//
//go:embed sdk.d.ts
var Types []byte
