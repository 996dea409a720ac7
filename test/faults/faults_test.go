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
	// faultRuns, when set, runs TestFaults: each fault so many times.
	faultRuns = "PARLEY_FAULTS"
	// faultNames picks some of the faults, by name and comma.
	faultNames = "PARLEY_FAULT"
	// faultCrowd, set to small, sends and reads less, for a defect that shows at once.
	faultCrowd = "PARLEY_FAULT_CROWD"
	// runsOfFleet bounds the runs that one fleet goes through: its logs and its database grow.
	runsOfFleet = 5
)

// allFaults are all that is done to a fleet.
var allFaults = []*fault{
	killNode, stopNode, killPostgres, killBackends, killNATS, cutNATS, cutPostgres, badLines, slowReaders, restartAll,
}

// noFault is for defects that show without one. It is run when it is picked.
var noFault = &fault{name: "none", lasts: time.Second, harm: func(*trial) func() { return func() {} }}

// TestFaults breaks a fleet in each way, while a crowd sends and reads, and compares all that was acknowledged, stored
// and seen. It takes minutes, and the machine for itself: "make test-faults".
func TestFaults(t *testing.T) {
	runs, err := strconv.Atoi(os.Getenv(faultRuns))
	if err != nil {
		t.Skip(faultRuns + " does not say how often")
	}
	var rows []trialRow
	for _, f := range pickedFaults() {
		t.Run(f.name, func(t *testing.T) {
			for done := 0; done < runs; {
				t.Run("from run "+strconv.Itoa(done+1), func(t *testing.T) {
					played := playOnFleet(t, f, done+1, min(runs-done, runsOfFleet))
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
		t.Errorf("%s=%s is none of the faults", faultNames, os.Getenv(faultNames))
	}
}

func pickedFaults() (picked []*fault) {
	names := os.Getenv(faultNames)
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

// playOnFleet runs a fault some times on one fleet, no further than the first run that fails: what it left behind would
// fail the next.
func playOnFleet(t *testing.T, f *fault, first, runs int) (rows []trialRow) {
	size := fullCrowd
	if os.Getenv(faultCrowd) == "small" {
		size = smallCrowd
	}
	c := gather(t, startFleet(t), size)
	for run := first; run < first+runs && !t.Failed(); run++ {
		played := c.play(f, run)
		t.Log(strings.Join(played.cells(), " | "))
		rows = append(rows, played)
	}
	return rows
}
