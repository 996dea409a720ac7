//go:build unix

package faults

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	// presenceLimit bounds how long after a fault a node may report wrong presence.
	presenceLimit = 15 * time.Second
	// watchedUsers is the number of users whose presence is checked.
	watchedUsers = 6
)

// watchPresence creates the users whose presence is checked. Half of them open a stream.
func (c *workload) watchPresence() {
	for i := range watchedUsers {
		r := &streamReader{
			workload: c, name: fmt.Sprintf("watched-%d", i), home: c.nodes[i%len(c.nodes)], entersRooms: true,
			rooms: []int64{c.quietRoom},
		}
		r.client = c.addGuest(r.name, r.rooms)
		c.watched = append(c.watched, r)
		if i < watchedUsers/2 {
			r.start()
		}
	}
}

// reconnectWatched disconnects the watched users that are connected, and connects the others.
func (c *workload) reconnectWatched() {
	for _, r := range c.watched {
		if r.isConnected() {
			r.cancel()
			<-r.done
			r.cancel = nil
		} else {
			r.start()
		}
	}
}

func (r *streamReader) isConnected() bool { return r.cancel != nil }

// awaitPresence waits until every node reports the right presence, and returns how long after the fault that was.
func (c *workload) awaitPresence(healed time.Time) time.Duration {
	var wrong string
	for {
		wrong = ""
		for _, n := range c.nodes {
			if wrong = c.presenceError(n); wrong != "" {
				break
			}
		}
		took := time.Since(healed)
		if wrong == "" {
			return took
		}
		if took > presenceLimit+clockTolerance {
			c.reportFlaw("%v after the fault, %s", took.Round(time.Millisecond), wrong)
			return took
		}
		pauseBriefly(context.Background())
	}
}

// presenceError describes what presence a node reports wrongly. It returns "" if all is right.
func (c *workload) presenceError(n *clusterNode) string {
	nodes := []*clusterNode{n}
	path := harness.RoomPath(c.quietRoom) + "/members?present=true&limit=200"
	a, err := c.callUntilAvailable(context.Background(), c.owner, nodes, "GET", path, nil)
	var page models.Page[models.Member]
	if err != nil || a.HTTP.StatusCode != 200 || (harness.Event{Data: string(a.Body)}).Decode(&page) != nil {
		return fmt.Sprintf("%s did not return who is present: %v %v", n.name, a, err)
	}
	for _, r := range c.watched {
		present := slices.ContainsFunc(page.Items, func(m models.Member) bool { return m.User.ID == r.client.User.ID })
		if present != r.isConnected() {
			return fmt.Sprintf("%s reports for %s present: %v, want %v; its stream was at %s",
				n.name, r.name, present, r.isConnected(), r.lastPosition())
		}
		path := fmt.Sprintf("/v1/users/%d", r.client.User.ID)
		a, err := c.callUntilAvailable(context.Background(), c.owner, nodes, "GET", path, nil)
		var user models.User
		if err != nil || a.HTTP.StatusCode != 200 || (harness.Event{Data: string(a.Body)}).Decode(&user) != nil {
			return fmt.Sprintf("%s did not return the user %s: %v %v", n.name, r.name, a, err)
		}
		if user.Online != r.isConnected() {
			return fmt.Sprintf("%s reports for %s online: %v, want %v; its stream was at %s",
				n.name, r.name, user.Online, r.isConnected(), r.lastPosition())
		}
	}
	return ""
}
