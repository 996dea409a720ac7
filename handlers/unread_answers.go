package handlers

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// smallAnswer is the largest answer, in bytes, that is not counted: of those, what connections take is the larger part.
	smallAnswer = 16 << 10
	// unreadOfCaller, unreadOfNetwork and unreadOfAll bound the bytes of answers that wait for being read: of one caller, of
	// all from one network (all there is, behind a proxy), and of everybody. One answer is always let through.
	unreadOfCaller  = 8 << 20
	unreadOfNetwork = 64 << 20
	unreadOfAll     = 128 << 20
)

// unread is shared by all requests of the process: it is the process whose memory it bounds.
var unread = &unreadAnswers{waiting: map[string]int{}}

// unreadAnswers counts the bytes of large answers from when they are written until the client has taken them: a client that
// reads is done in a moment, and one that does not holds no more than its share.
type unreadAnswers struct {
	mu      sync.Mutex
	waiting map[string]int // bytes of each caller and each network
	all     int
}

// take counts an answer until give is called. One for which there is no room is refused, unless something was done that it
// tells of.
func (u *unreadAnswers) take(r *http.Request, size int) (give func(), err error) {
	if size <= smallAnswer {
		return func() {}, nil
	}
	network := "from " + networkOf(r)
	caller := network
	if id := callerOf(r).UserID; id != 0 {
		caller = strconv.FormatInt(id, 10)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !read:
	case over(u.waiting[caller], size, unreadOfCaller):
		return nil, &models.Error{
			Code: models.CodeRateLimited, RetryAfter: time.Second,
			Message: "Too many large answers wait for you to read them; read those, and ask again.",
		}
	case over(u.waiting[network], size, unreadOfNetwork), over(u.all, size, unreadOfAll):
		return nil, &models.Error{
			Code: models.CodeUnavailable, Message: "Too many large answers wait for being read; try again.", RetryAfter: time.Second,
		}
	}
	u.add(caller, network, size)
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.add(caller, network, -size)
	}, nil
}

func over(waiting, size, most int) bool { return waiting > 0 && waiting+size > most }

// add counts bytes of a caller, who may be known by the network alone. u.mu is held.
func (u *unreadAnswers) add(caller, network string, size int) {
	u.all += size
	u.count(network, size)
	if caller != network {
		u.count(caller, size)
	}
}

func (u *unreadAnswers) count(who string, size int) {
	if u.waiting[who] += size; u.waiting[who] == 0 {
		delete(u.waiting, who)
	}
}
