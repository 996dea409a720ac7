package harness

import (
	"strings"
	"time"
)

// AwaitMetric waits until /metrics contains the line. The test fails after Timeout.
func (c *Client) AwaitMetric(line string) {
	c.T.Helper()
	hasLine := func() bool {
		metrics := c.Call("GET", "/metrics", nil).ExpectStatus(200).Body
		return strings.Contains(string(metrics), "\n"+line+"\n")
	}
	for deadline := time.Now().Add(Timeout); !hasLine(); {
		if time.Now().After(deadline) {
			c.T.Fatalf("the metrics do not contain %q", line)
		}
	}
}
