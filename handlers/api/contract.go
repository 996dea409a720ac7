package api

import _ "embed" // for Contract

// Contract is openapi.yaml as this binary serves it. The file beside this one is a copy that "make generate" makes of
// the one at the repository's root, since Go embeds nothing from above a package.
//
//go:embed openapi.yaml
var Contract []byte
