package loadtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-chat/parley/cmd/parley/remote"
	"github.com/parley-chat/parley/models"
)

const (
	// maxParallel is the number of parallel requests before and after the measurement.
	maxParallel = 16
	// cleanUpTime is how long removing guests and rooms may take.
	cleanUpTime = 2 * time.Minute
)

// prepare signs in guests, creates the rooms and opens the streams.
func (run *run) prepare(ctx context.Context) error {
	if err := run.checkServers(ctx); err != nil {
		return err
	}
	if err := run.distribute(); err != nil {
		return err
	}
	if err := run.signIn(ctx); err != nil {
		return err
	}
	if err := run.makeRooms(ctx); err != nil {
		return err
	}
	run.server.beforeStreams(ctx)
	if err := run.server.hasFiles(len(run.streams)); err != nil {
		return err
	}
	if err := run.openStreams(ctx); err != nil {
		return err
	}
	run.server.withStreams(ctx)
	return nil
}

// checkServers sends each server a request without a token. Parley refuses it, which shows that it is running there.
func (run *run) checkServers(ctx context.Context) error {
	for _, node := range run.nodes {
		_, err := node.DoOnce(ctx, remote.Call{Method: http.MethodGet, Path: "/v1/users/me"}, nil)
		var lost remote.LostError
		switch {
		case remote.IsCode(err, models.CodeUnauthenticated):
		case errors.As(err, &lost):
			return fmt.Errorf("%s cannot be reached (%s): is the server running there? Set its address with --url",
				node.Base, kindOf(err))
		default:
			return fmt.Errorf("%s is not a Parley server: %w", node.Base, err)
		}
	}
	return nil
}

// distribute distributes senders and streams over the rooms and the servers. All streams of a user are in one room, so
// that none gets notifications of messages in other rooms. Each room has streams and senders on all servers.
func (run *run) distribute() error {
	node := func(room, place int) *remote.Client { return run.nodes[(room+place)%len(run.nodes)] }
	for i := range run.config.Senders {
		r, place := i%len(run.rooms), i/len(run.rooms)
		room := run.rooms[r]
		room.users = append(room.users, i)
		alarm, err := newAlarm()
		if err != nil {
			return err
		}
		run.senders = append(run.senders, &sender{
			run: run, index: i, room: room, node: node(r, place), alarm: alarm, pause: remote.MinRetryPause,
		})
	}
	users := run.config.Senders
	for i := range run.config.Streams {
		r, place := i%len(run.rooms), i/len(run.rooms)
		room := run.rooms[r]
		if place%run.config.StreamsPerUser == 0 {
			room.users = append(room.users, users)
			users++
		}
		s := &eventStream{
			run: run, room: room, user: room.users[len(room.users)-1], node: node(r, place),
			group: run.groups[i%len(run.groups)],
		}
		run.streams = append(run.streams, s)
		room.streams = append(room.streams, s)
	}
	run.guests = make([]*remote.Guest, users)
	return nil
}

// signIn signs in the guests. The first one alone, to check whether the run can work.
func (run *run) signIn(ctx context.Context) error {
	stage := run.enterStage("signing in guests", len(run.guests))
	enter := func(ctx context.Context, i int) (err error) {
		name := fmt.Sprintf("bench-%s-%d", run.name, i+1)
		run.guests[i], err = remote.SignInGuest(ctx, run.nodes[i%len(run.nodes)], name, name)
		if remote.IsCode(err, models.CodeUsernameTaken) { // by an earlier attempt whose response was lost
			name += "-" + strings.ToLower(rand.Text()[:6])
			run.guests[i], err = remote.SignInGuest(ctx, run.nodes[i%len(run.nodes)], name, name)
		}
		if err != nil {
			err = advised(fmt.Errorf("sign in a guest: %w", err))
			if remote.IsCode(err, models.CodeForbidden) {
				err = fmt.Errorf("%w (guests are needed: run the server with --guests)", err)
			}
			return err
		}
		return nil
	}
	if err := enter(ctx, 0); err != nil {
		return err
	}
	stage.done.Add(1)
	if err := run.checkFirstGuest(ctx); err != nil {
		return err
	}
	err := inParallel(ctx, stage, len(run.guests)-1, func(ctx context.Context, i int) error { return enter(ctx, i+1) })
	for _, s := range run.senders {
		s.guest = run.guests[s.index]
	}
	for _, s := range run.streams {
		s.guest = run.guests[s.user]
	}
	return err
}

// checkFirstGuest checks that every server knows the guest that the first server has signed in, and that the servers'
// limits allow the run.
func (run *run) checkFirstGuest(ctx context.Context) error {
	call := remote.Call{Method: http.MethodGet, Path: "/v1/users/me"}
	for _, node := range run.nodes {
		err := run.guests[0].WithToken(ctx, func(token string) error {
			call.Token = token
			header, err := node.Do(ctx, call)
			if err == nil {
				err = run.config.within(header)
			}
			return err
		})
		if remote.IsCode(err, models.CodeUnauthenticated) || remote.IsCode(err, models.CodeNotFound) ||
			remote.IsCode(err, models.CodeSessionRevoked) {
			return fmt.Errorf("%s does not know a guest of %s: several --url must be servers of one database",
				node.Base, run.nodes[0].Base)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// requestQuota finds the limit on a user's requests in a RateLimit-Policy header.
var requestQuota = regexp.MustCompile(`"requests";q=(\d+);w=(\d+)`)

// limitsOff is the advice for a server whose limits are too low for the run.
const limitsOff = "run the server with --rate-limit off to measure it"

// within returns an error if the run would exceed the server's limits, which are in the response header. At rate 0 the
// request limit is not checked.
func (c Config) within(header http.Header) error {
	quota := requestQuota.FindStringSubmatch(header.Get("RateLimit-Policy"))
	if quota == nil {
		return nil
	}
	if c.StreamsPerUser > models.MaxStreamsPerUser {
		return fmt.Errorf("the server's limits allow a user %d streams, which --streams-per-user %d exceeds: %s",
			models.MaxStreamsPerUser, c.StreamsPerUser, limitsOff)
	}
	most, _ := strconv.ParseFloat(quota[1], 64)
	seconds, _ := strconv.ParseFloat(quota[2], 64)
	each := c.Rate / float64(c.Senders)
	if sent := each * min((c.WarmUp+c.Duration).Seconds(), seconds); sent > most {
		return fmt.Errorf("the server's limits allow a user %.0f requests in %.0f seconds, but each sender would make %.0f: "+
			"%s, or use more --senders", most, seconds, sent, limitsOff)
	}
	return nil
}

// makeRooms creates the rooms, which are private, and adds their members.
func (run *run) makeRooms(ctx context.Context) error {
	stage := run.enterStage("creating rooms", len(run.rooms))
	private := models.RoomPrivate
	err := inParallel(ctx, stage, len(run.rooms), func(ctx context.Context, i int) error {
		name := fmt.Sprintf("bench %s %d", run.name, i+1)
		var made models.Room
		_, err := run.ownerOf(run.rooms[i]).Do(ctx, remote.Call{
			Method: http.MethodPost, Path: "/v1/rooms", Key: rand.Text(),
			Body: models.NewRoom{Name: &name, Kind: &private}, Into: &made,
		})
		run.rooms[i].id = made.ID
		return advised(err)
	})
	if err != nil {
		return err
	}
	type membership struct {
		room *room
		user int
	}
	var wanted []membership
	for _, room := range run.rooms {
		for _, user := range room.users[1:] {
			wanted = append(wanted, membership{room, user})
		}
	}
	stage = run.enterStage("adding guests to the rooms", len(wanted))
	return inParallel(ctx, stage, len(wanted), func(ctx context.Context, i int) error {
		m := wanted[i]
		path := fmt.Sprintf("/v1/rooms/%d/members/%d", m.room.id, run.guests[m.user].Ref.ID)
		_, err := run.ownerOf(m.room).Do(ctx, remote.Call{Method: http.MethodPut, Path: path})
		return advised(err)
	})
}

func (run *run) ownerOf(room *room) *remote.Guest { return run.guests[room.users[0]] }

// openStreams opens the streams, which stay open until endStreams.
func (run *run) openStreams(ctx context.Context) error {
	// After an interruption they still receive the messages that were sent.
	following, end := context.WithCancel(context.WithoutCancel(ctx))
	run.endListening = end
	defer context.AfterFunc(ctx, end)()
	stage := run.enterStage("opening streams", len(run.streams))
	return inParallel(ctx, stage, len(run.streams), func(_ context.Context, i int) error {
		s := run.streams[i]
		if err := s.start(following); err != nil {
			return advised(fmt.Errorf("open stream %d of %d: %w", i+1, len(run.streams), err))
		}
		run.listening.Go(func() { s.follow(following) })
		return nil
	})
}

// cleanUp removes rooms and guests, also after an interruption, and reports if some could not be removed.
func (run *run) cleanUp(ctx context.Context, out io.Writer) {
	if run.config.Keep {
		return
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, cleanUpTime)
	defer cancel()
	shown := remote.StartProgress(out, time.Second, run.status)
	err := run.remove(ctx)
	shown.Stop()
	if err != nil {
		fmt.Fprintf(out, "Not all guests named bench-%s-…, and their rooms, could be removed: %v\n", run.name, err)
	}
}

// remove removes the rooms first: then the guests' messages need not be replaced by tombstones.
func (run *run) remove(ctx context.Context) error {
	var owned []*room
	for _, room := range run.rooms {
		if room.id != 0 {
			owned = append(owned, room)
		}
	}
	stage := run.enterStage("removing rooms", len(owned))
	err := inParallel(ctx, stage, len(owned), func(ctx context.Context, i int) error {
		return removeOnce(ctx, run.ownerOf(owned[i]), fmt.Sprintf("/v1/rooms/%d", owned[i].id))
	})
	if err != nil {
		return err
	}
	var signedIn []*remote.Guest
	for _, guest := range run.guests {
		if guest != nil {
			signedIn = append(signedIn, guest)
		}
	}
	stage = run.enterStage("removing guests", len(signedIn))
	return inParallel(ctx, stage, len(signedIn), func(ctx context.Context, i int) error {
		return removeOnce(ctx, signedIn[i], "/v1/users/me")
	})
}

// removeOnce deletes a resource. It retries only if the server asks for a pause: there is no use in waiting for a
// server that is down.
func removeOnce(ctx context.Context, g *remote.Guest, path string) error {
	return g.WithToken(ctx, func(token string) error {
		call := remote.Call{Method: http.MethodDelete, Path: path, Token: token}
		_, err := g.Client.DoOnce(ctx, call, nil)
		if remote.IsCode(err, models.CodeRateLimited) || remote.IsCode(err, models.CodeUnavailable) {
			_, err = g.Client.Do(ctx, call)
		}
		return err
	})
}

// inParallel calls do n times, up to maxParallel at a time. The first error ends it.
func inParallel(ctx context.Context, stage *stage, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallel)
	for i := range n {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err // another call failed, and its error is returned
			}
			if err := do(ctx, i); err != nil {
				return err
			}
			stage.done.Add(1)
			return nil
		})
	}
	return group.Wait()
}

// advised adds advice to an error that is caused by the server's limits.
func advised(err error) error {
	if remote.IsCode(err, models.CodeRateLimited) {
		return fmt.Errorf("%w (%s)", err, limitsOff)
	}
	return err
}
