package limit

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

const (
	// smallResponse is the largest response, in bytes, that is not counted: its connection needs more memory than it does.
	smallResponse = 16 << 10
	// unreadOfCaller, unreadOfNetwork and unreadOfAll bound the bytes of responses that clients have not read yet: of one
	// caller, of one network (which may be that of a proxy), and of all. One response is always allowed.
	unreadOfCaller  = 8 << 20
	unreadOfNetwork = 64 << 20
	unreadOfAll     = 128 << 20
)

// unread is shared by all requests, because it bounds the memory of the process.
var unread = &unreadResponses{waiting: map[string]int{}}

// unreadResponses counts the bytes of large responses from the moment they are written until the client has read them,
// so that a client that does not read holds no more than its share.
type unreadResponses struct {
	mu      sync.Mutex
	waiting map[string]int // bytes by caller and by network
	all     int
}

// TakeResponse counts a response of size bytes until release is called. It returns an error if there are too many
// unread bytes, except for the responses of requests that have changed something.
func TakeResponse(r *http.Request, size int) (release func(), err error) { return unread.take(r, size) }

func (u *unreadResponses) take(r *http.Request, size int) (release func(), err error) {
	if size <= smallResponse {
		return func() {}, nil
	}
	network := "from " + request.Network(r)
	caller := network
	if id := request.Caller(r).UserID; id != 0 {
		caller = strconv.FormatInt(id, 10)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	readOnly := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !readOnly:
	case over(u.waiting[caller], size, unreadOfCaller):
		return nil, &models.Error{
			Code: models.CodeRateLimited, RetryAfter: time.Second,
			Message: "Too many large responses wait for you to read them; read those, and try again.",
		}
	case over(u.waiting[network], size, unreadOfNetwork), over(u.all, size, unreadOfAll):
		return nil, &models.Error{
			Code:       models.CodeUnavailable,
			Message:    "Too many large responses wait to be read; try again.",
			RetryAfter: time.Second,
		}
	}
	u.add(caller, network, size)
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.add(caller, network, -size)
	}, nil
}

func over(waiting, size, limit int) bool { return waiting > 0 && waiting+size > limit }

// add counts bytes of a caller, whose key may be that of the network. u.mu is held.
func (u *unreadResponses) add(caller, network string, size int) {
	u.all += size
	u.count(network, size)
	if caller != network {
		u.count(caller, size)
	}
}

func (u *unreadResponses) count(key string, size int) {
	if u.waiting[key] += size; u.waiting[key] == 0 {
		delete(u.waiting, key)
	}
}
