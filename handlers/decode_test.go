package handlers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
)

// packedList is a list of n values in MessagePack, each of which is item.
func packedList(n int, item []byte) []byte {
	list := binary.BigEndian.AppendUint32([]byte{0xdd}, uint32(n))
	return append(list, bytes.Repeat(item, n)...)
}

// TestMsgpackBombs sends what is short in MessagePack and long in JSON.
func TestMsgpackBombs(t *testing.T) {
	tiny := append([]byte{0xcb}, binary.BigEndian.AppendUint64(nil, math.Float64bits(-5e-324))...)
	controls := append([]byte{0xbf}, bytes.Repeat([]byte{1}, 31)...)
	for name, item := range map[string][]byte{"tiny doubles": tiny, "control characters": controls, "false": {0xc2}} {
		t.Run(name, func(t *testing.T) {
			body := packedList((models.MaxBodyBytes-5)/len(item), item)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			out, err := fromMsgpack(body)
			runtime.ReadMemStats(&after)
			if err == nil && len(out) > models.MaxBodyBytes || err != nil && !errors.Is(err, errTooLarge) {
				t.Errorf("%d bytes became %d, with the error %v", len(body), len(out), err)
			}
			// Doubling buffers, and what is read on the way, take some times the limit; the bomb took 38 times its size at once.
			if most := uint64(32 * models.MaxBodyBytes); after.TotalAlloc-before.TotalAlloc > most {
				t.Errorf("%d bytes were allocated for a body of %d", after.TotalAlloc-before.TotalAlloc, len(body))
			}
		})
	}
}

// TestManyUnknownFields sends a megabyte of fields that nobody knows: they are not all kept to tell of a few.
func TestManyUnknownFields(t *testing.T) {
	var body strings.Builder
	body.WriteByte('{')
	for i := 0; body.Len() < models.MaxBodyBytes-20; i++ {
		fmt.Fprintf(&body, `"%x":0,`, i)
	}
	body.WriteString(`"text":7}`)
	_, err := parse[models.MessageEdit]([]byte(body.String()))
	var refused *models.Error
	if !errors.As(err, &refused) || len(refused.Fields) != maxFieldErrors || refused.Fields[0].Field != "text" {
		t.Fatalf("the error is %v", err)
	}
	fields, unknown, ok := splitObject([]byte(body.String()), nil)
	if len(fields) != 0 || len(unknown) != maxFieldErrors || !ok {
		t.Errorf("%d fields and %d names were kept, %v", len(fields), len(unknown), ok)
	}
}

// TestLargeBodiesShareABudget lets clients begin as many large bodies as are read at once, and none of them end. The next
// large one is told to come again; small ones are not touched, and when a client gives up its part is free again. Those of
// one network leave half of it to others.
func TestLargeBodiesShareABudget(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := client{other: r.Header.Get("From")}
		r = withContext(r, &reqContext{id: "test", client: from, limits: deadline.Default()})
		if body, err := readBody(w, r); err != nil {
			fail(w, r, err)
		} else {
			write(w, http.StatusOK, jsonType, fmt.Append(nil, len(body)))
		}
	}))
	defer server.Close()
	const most = largeBodiesBudget / (models.MaxBodyBytes * decodedSize)
	var open []net.Conn
	begin := func(from string) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
		_, err = fmt.Fprintf(conn,
			"POST / HTTP/1.1\r\nHost: x\r\nFrom: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			from, models.MaxBodyBytes, strings.Repeat(" ", smallBody+1))
		if err != nil {
			t.Fatal(err)
		}
	}
	taken := func() int64 {
		largeBodies.mu.Lock()
		defer largeBodies.mu.Unlock()
		var all int64
		for _, bytes := range largeBodies.taken {
			all += bytes
		}
		return all
	}
	for range most {
		begin("a")
	}
	await(t, "one network has its half", func() bool { return taken() == largeBodiesBudget/2 })
	if status := post(t, server.URL, "a", models.MaxBodyBytes); status != http.StatusServiceUnavailable {
		t.Errorf("one more large body of that network is answered %d", status)
	}
	if status := post(t, server.URL, "b", models.MaxBodyBytes); status != http.StatusOK {
		t.Errorf("a large body of another network is answered %d", status)
	}
	await(t, "that body's part is given back", func() bool { return taken() == largeBodiesBudget/2 })
	for range most / 2 {
		begin("b")
	}
	await(t, "all of the budget is taken", func() bool { return taken() == largeBodiesBudget })
	if status := post(t, server.URL, "c", models.MaxBodyBytes); status != http.StatusServiceUnavailable {
		t.Errorf("one more large body is answered %d", status)
	}
	if status := post(t, server.URL, "c", smallBody-1); status != http.StatusOK {
		t.Errorf("a small body is answered %d", status)
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	await(t, "a large body is taken again", func() bool { return post(t, server.URL, "c", models.MaxBodyBytes) == http.StatusOK })
	await(t, "all is given back", func() bool {
		whole := largeBodies.free.TryAcquire(largeBodiesBudget)
		if whole {
			largeBodies.free.Release(largeBodiesBudget)
		}
		return whole
	})
}

func post(t *testing.T, url, from string, size int) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(strings.Repeat(" ", size)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("From", from)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// await asks again and again until it is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// TestNullIsLeftOut reads null as generated clients write it: as a field that was left out, and in a patch as what clears.
func TestNullIsLeftOut(t *testing.T) {
	m, err := parse[models.NewMessage]([]byte(`{"type":null,"text":"hi","file_ids":null,"reply_to":null,"client_id":null}`))
	if err != nil || m.Text != "hi" || m.ReplyTo != nil || m.FileIDs != nil {
		t.Errorf("a message with null in it is read as %+v, %v", m, err)
	}
	if _, err := parse[models.ReadMark]([]byte(`{"message_id":null}`)); err == nil {
		t.Error("what is required may be null")
	}
	if _, err := parse[models.NewMessage]([]byte(`{"text":"hi","unknown":null}`)); err == nil {
		t.Error("a field that is not known may be null")
	}
	change, err := parseBody[models.RoomChange]([]byte(`{"handle":null}`), true)
	if err != nil || change.Handle == nil || *change.Handle != "" || change.Name != nil {
		t.Errorf("a patch with null in it is read as %+v, %v", change, err)
	}
}
