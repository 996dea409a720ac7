package harness

import (
	"strings"
	"time"
)

// AwaitMetric waits until the metrics have a line.
func (c *Client) AwaitMetric(line string) {
	c.T.Helper()
	for until := time.Now().Add(Timeout); !strings.Contains(string(c.Call("GET", "/metrics", nil).ExpectStatus(200).Body), "\n"+line+"\n"); {
		if time.Now().After(until) {
			c.T.Fatalf("the metrics never had %q", line)
		}
	}
}
