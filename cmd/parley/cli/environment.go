package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// settingPrefix begins the names of all environment variables with settings.
const settingPrefix = "PARLEY_"

// serviceLinks matches the variables that Kubernetes sets in every container for services whose names begin with parley
// (parley, parley-nats): addresses and ports, which are not settings.
var serviceLinks = regexp.MustCompile(`^PARLEY_(PORT|SERVICE)(_|$)|` +
	`^PARLEY_.*_(TCP|UDP|SCTP)(_|$)|^PARLEY_.+_(SERVICE_(HOST|PORT)|PORT)(_|$)`)

// checkEnvironment returns an error if a variable PARLEY_… is not a setting: a misspelt name would otherwise be ignored
// silently.
func checkEnvironment(model *kong.Application, environment []string) error {
	known := map[string]bool{}
	collectSettings(model.Node, known)
	var unknown []string
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, settingPrefix) && !known[name] && !serviceLinks.MatchString(name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("not a setting: %s", strings.Join(unknown, ", "))
}

func collectSettings(node *kong.Node, into map[string]bool) {
	for _, flag := range node.Flags {
		for _, name := range flag.Envs {
			into[name] = true
		}
	}
	for _, child := range node.Children {
		collectSettings(child, into)
	}
}
