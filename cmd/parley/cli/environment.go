package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// settingPrefix begins the name of every variable that is a setting.
const settingPrefix = "PARLEY_"

// serviceLinks are the variables that Kubernetes sets in every container for services of a name that begins with parley
// (parley, parley-nats): an address and ports that nobody meant as a setting.
var serviceLinks = regexp.MustCompile(
	`^PARLEY_(PORT|SERVICE)(_|$)|^PARLEY_.*_(TCP|UDP|SCTP)(_|$)|^PARLEY_.+_(SERVICE_(HOST|PORT)|PORT)(_|$)`)

// checkEnvironment refuses a variable PARLEY_… that is no setting: a name that was misspelt would leave the setting as
// it was, and nobody would know.
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
	return fmt.Errorf("no setting has the variable %s", strings.Join(unknown, ", "))
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
