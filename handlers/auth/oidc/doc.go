// Package oidc logs users in through providers of OpenID Connect, and through GitHub.
//
// A provider returns where to redirect a browser, and who the user is when the browser comes back. It is called only
// when a user logs in, never at the start, so that a server starts and serves while a provider is down. Its responses
// are bounded in size and time.
//
// The package starts no goroutine of its own. Each provider has one lock, for what it has learned about its endpoints.
package oidc
