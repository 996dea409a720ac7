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
	// presenceLimit bounds how long after a fault some node may be wrong about who is there.
	presenceLimit = 15 * time.Second
	// watchedUsers are those whose presence is compared.
	watchedUsers = 6
)

// watchPresence makes those whose presence is compared. Half of them are there.
func (c *workload) watchPresence() {
	for i := range watchedUsers {
		r := &streamReader{
			workload: c, name: fmt.Sprintf("watched-%d", i), home: c.nodes[i%len(c.nodes)], entersRooms: true, rooms: []int64{c.quietRoom},
		}
		r.client = c.addGuest(r.name, r.rooms)
		c.watched = append(c.watched, r)
		if i < watchedUsers/2 {
			r.start()
		}
	}
}

// reconnectWatched makes one who is there go, and one who is not come, at each node.
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

// awaitPresence waits until every node tells the truth of who is there, and answers how long after the fault that was.
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

// presenceError is what a node has wrong, "" for nothing.
func (c *workload) presenceError(n *clusterNode) string {
	a, err := c.callUntilAnswered(context.Background(), c.owner, []*clusterNode{n}, "GET", harness.RoomPath(c.quietRoom)+"/members?present=true&limit=200", nil)
	var page models.Page[models.Member]
	if err != nil || a.HTTP.StatusCode != 200 || (harness.Event{Data: string(a.Body)}).Decode(&page) != nil {
		return fmt.Sprintf("%s does not tell who is present: %v %v", n.name, a, err)
	}
	for _, r := range c.watched {
		present := slices.ContainsFunc(page.Items, func(m models.Member) bool { return m.User.ID == r.client.User.ID })
		if present != r.isConnected() {
			return fmt.Sprintf("%s has %s present: %v; its stream was at %s", n.name, r.name, present, r.lastPosition())
		}
		a, err := c.callUntilAnswered(context.Background(), c.owner, []*clusterNode{n}, "GET", fmt.Sprintf("/v1/users/%d", r.client.User.ID), nil)
		var user models.User
		if err != nil || a.HTTP.StatusCode != 200 || (harness.Event{Data: string(a.Body)}).Decode(&user) != nil {
			return fmt.Sprintf("%s does not tell of %s: %v %v", n.name, r.name, a, err)
		}
		if user.Online != r.isConnected() {
			return fmt.Sprintf("%s has %s online: %v; its stream was at %s", n.name, r.name, user.Online, r.lastPosition())
		}
	}
	return ""
}
