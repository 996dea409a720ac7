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
	// faultRunsVariable names the variable that enables TestFaults: the number of runs of each fault.
	faultRunsVariable = "PARLEY_FAULTS"
	// faultNamesVariable names the variable that selects faults: their names, separated by commas.
	faultNamesVariable = "PARLEY_FAULT"
	// faultSizeVariable names the variable that, set to small, selects smallSize, for defects that show at once.
	faultSizeVariable = "PARLEY_FAULT_SIZE"
	// maxRunsPerCluster bounds the runs on one cluster, since its logs and its database grow.
	maxRunsPerCluster = 5
)

// allFaults are the faults that are run by default.
var allFaults = []*fault{
	killNode, stopNode, killPostgres, killBackends, killNATS, cutNATS, cutPostgres, badNetwork, slowReaders, restartAll,
}

// noFault is for defects that show without a fault. It is run only when it is selected.
var noFault = &fault{name: "none", lasts: time.Second, inject: func(*trial) func() { return func() {} }}

// TestFaults injects each fault into a cluster under load, and then compares everything that was acknowledged, stored
// and received. It takes minutes, and needs the machine for itself: "make test-faults".
func TestFaults(t *testing.T) {
	runs, err := strconv.Atoi(os.Getenv(faultRunsVariable))
	if err != nil {
		t.Skip(faultRunsVariable + " is not set to a number of runs")
	}
	var rows []trialRow
	for _, f := range selectedFaults() {
		t.Run(f.name, func(t *testing.T) {
			for done := 0; done < runs; {
				t.Run("from run "+strconv.Itoa(done+1), func(t *testing.T) {
					results := runOnCluster(t, f, done+1, min(runs-done, maxRunsPerCluster))
					rows = append(rows, results...)
					done += max(1, len(results))
				})
			}
		})
	}
	if err := printRows(os.Stdout, rows); err != nil {
		t.Error(err)
	}
	if len(rows) == 0 && !t.Failed() {
		t.Errorf("%s=%s names no fault", faultNamesVariable, os.Getenv(faultNamesVariable))
	}
}

func selectedFaults() (selected []*fault) {
	names := os.Getenv(faultNamesVariable)
	if names == "" {
		return allFaults
	}
	for name := range strings.SplitSeq(names, ",") {
		for _, f := range append(allFaults, noFault) {
			if f.name == name {
				selected = append(selected, f)
			}
		}
	}
	return selected
}

// runOnCluster runs a fault several times on one cluster. It stops after the first failed run, because what that run
// left behind would make the next one fail too.
func runOnCluster(t *testing.T, f *fault, first, runs int) (rows []trialRow) {
	size := fullSize
	if os.Getenv(faultSizeVariable) == "small" {
		size = smallSize
	}
	c := startWorkload(t, startCluster(t), size)
	for run := first; run < first+runs && !t.Failed(); run++ {
		row := c.runFault(f, run)
		t.Log(strings.Join(row.cells(), " | "))
		rows = append(rows, row)
	}
	return rows
}
