package server

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/parley-chat/parley/cmd/parley/version"
	"github.com/parley-chat/parley/models/store"
)

// banner returns what the server prints when it is ready: its addresses and where its data is, without passwords.
func (c Config) banner(address string) string {
	return fmt.Sprintf("Parley is ready.\n"+
		"  Client     %[1]s/\n  API        %[1]s/v1\n  Reference  %[1]s/docs\n  Stream     %[1]s/v1/events\n"+
		"  Database   %[2]s\n  Files      %[3]s\n  Version    %[4]s\n",
		address, store.Describe(c.DatabaseName()), describeFiles(c.files()), version.Current().Version)
}

// describeFiles returns where files are stored, without credentials.
func describeFiles(location string) string {
	if !strings.HasPrefix(location, "s3:") {
		return location
	}
	u, err := url.Parse(location)
	if err != nil {
		return "S3"
	}
	endpoint := u.Query().Get("endpoint")
	if _, host, found := strings.Cut(endpoint, "://"); found {
		endpoint = host
	}
	if endpoint == "" {
		return "S3, bucket " + u.Host
	}
	return fmt.Sprintf("S3, bucket %s at %s", u.Host, endpoint)
}
