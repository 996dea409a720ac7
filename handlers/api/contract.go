package api

import _ "embed" // for the documents

// Contract is openapi.yaml as this binary serves it. The file in this folder is a copy that "make generate" makes of
// the one at the root of the repository, since Go cannot embed files from above a package.
//
//go:embed openapi.yaml
var Contract []byte

// StreamContract is asyncapi.yaml: what Contract says of the event stream, for the tools that know streams.
//
//go:embed asyncapi.yaml
var StreamContract []byte
