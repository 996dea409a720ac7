// Package oidc is where people log in elsewhere: providers of OpenID Connect, and GitHub.
//
// A provider answers where to send a browser, and who somebody is that it sent back. It is asked over the network only
// when somebody logs in, never at the start, so that a server starts and serves while a provider is down. What it answers
// is bounded in size and in time.
//
// The package starts no goroutine of its own. Each provider has one lock, for what it has learned about its endpoints.
package oidc
