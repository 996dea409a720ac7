package main

import (
	"fmt"

	"github.com/parley-chat/parley/handlers"
	"github.com/parley-chat/parley/handlers/oidc"
)

// providers are those that people log in through. None of them is asked for anything yet.
func (c serveCmd) providers() ([]handlers.NamedProvider, error) {
	configs, err := oidc.ParseConfigs(c.OIDC)
	if err != nil {
		return nil, fmt.Errorf("--oidc: %w", err)
	}
	var list []handlers.NamedProvider
	for _, config := range configs {
		list = append(list, handlers.NamedProvider{Name: config.Name, Provider: oidc.New(config)})
	}
	return list, nil
}
