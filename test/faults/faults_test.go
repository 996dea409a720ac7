//go:build unix

package faults

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// faultRunsVariable, when set, runs TestFaults: each fault so many times.
	faultRunsVariable = "PARLEY_FAULTS"
	// faultNamesVariable picks some of the faults, by name and comma.
	faultNamesVariable = "PARLEY_FAULT"
	// faultSizeVariable, set to small, sends and reads less, for a defect that shows at once.
	faultSizeVariable = "PARLEY_FAULT_SIZE"
	// maxRunsPerCluster bounds the runs that one cluster goes through: its logs and its database grow.
	maxRunsPerCluster = 5
)

// allFaults are all faults.
var allFaults = []*fault{
	killNode, stopNode, killPostgres, killBackends, killNATS, cutNATS, cutPostgres, badNetwork, slowReaders, restartAll,
}

// noFault is for defects that show without one. It is run when it is picked.
var noFault = &fault{name: "none", lasts: time.Second, inject: func(*trial) func() { return func() {} }}

// TestFaults breaks a cluster in each way under load, and compares all that was acknowledged, stored
// and seen. It takes minutes, and the machine for itself: "make test-faults".
func TestFaults(t *testing.T) {
	runs, err := strconv.Atoi(os.Getenv(faultRunsVariable))
	if err != nil {
		t.Skip(faultRunsVariable + " does not say how often")
	}
	var rows []trialRow
	for _, f := range selectedFaults() {
		t.Run(f.name, func(t *testing.T) {
			for done := 0; done < runs; {
				t.Run("from run "+strconv.Itoa(done+1), func(t *testing.T) {
					played := runOnCluster(t, f, done+1, min(runs-done, maxRunsPerCluster))
					rows = append(rows, played...)
					done += max(1, len(played))
				})
			}
		})
	}
	if err := printRows(os.Stdout, rows); err != nil {
		t.Error(err)
	}
	if len(rows) == 0 && !t.Failed() {
		t.Errorf("%s=%s is none of the faults", faultNamesVariable, os.Getenv(faultNamesVariable))
	}
}

func selectedFaults() (picked []*fault) {
	names := os.Getenv(faultNamesVariable)
	if names == "" {
		return allFaults
	}
	for name := range strings.SplitSeq(names, ",") {
		for _, f := range append(allFaults, noFault) {
			if f.name == name {
				picked = append(picked, f)
			}
		}
	}
	return picked
}

// runOnCluster runs a fault some times on one cluster, no further than the first run that fails: what it left behind
// would fail the next.
func runOnCluster(t *testing.T, f *fault, first, runs int) (rows []trialRow) {
	size := fullSize
	if os.Getenv(faultSizeVariable) == "small" {
		size = smallSize
	}
	c := startWorkload(t, startCluster(t), size)
	for run := first; run < first+runs && !t.Failed(); run++ {
		played := c.runFault(f, run)
		t.Log(strings.Join(played.cells(), " | "))
		rows = append(rows, played)
	}
	return rows
}
