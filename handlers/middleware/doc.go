// Package middleware has what each request passes on its way to its handler, except authentication: logs and metrics,
// the checks of URL and headers, OPTIONS and unknown methods, quotas, timeouts, CORS, bodies that nobody reads.
package middleware
