package harness

import (
	"strconv"
	"strings"
	"time"
)

// Metric returns the value of a metric, 0 if /metrics does not contain it. series is its name, with its labels if it
// has any, such as name{label="value"}.
func (c *Client) Metric(series string) (value float64) {
	c.T.Helper()
	for line := range strings.Lines(string(c.Call("GET", "/metrics", nil).ExpectStatus(200).Body)) {
		if text, found := strings.CutPrefix(line, series+" "); found {
			var err error
			if value, err = strconv.ParseFloat(strings.TrimSpace(text), 64); err != nil {
				c.T.Fatal(err)
			}
		}
	}
	return value
}

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
