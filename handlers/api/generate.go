// Package api is the contract in Go: the server interface and the parameters of each route, generated from
// openapi.yaml. The objects are those of package models under their names in the contract; nothing here is edited by
// hand.
package api

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../../openapi.yaml
//go:generate cp ../../openapi.yaml openapi.yaml
//go:generate go run ./internal/queries ../../openapi.yaml query.gen.go
//go:generate go run ./internal/asyncapi ../../openapi.yaml asyncapi.yaml
