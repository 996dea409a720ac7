package clients

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestComposeProxy runs the proxy of deploy/compose.yaml in front of a server: it forwards the client's real address,
// even if the client sends forged headers, and does not expose the metrics.
func TestComposeProxy(t *testing.T) {
	harness.NeedProgram(t, "haproxy")
	file, err := os.ReadFile(harness.RepositoryPath("deploy/compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, content, _ := strings.Cut(string(file), "    content: |\n") // the file ends with it
	s := harness.StartServer(t, harness.NewSQLite(t), "--trusted-proxies", "127.0.0.1")
	front := harness.FreeAddress(t)
	config := strings.NewReplacer(
		"bind :8080", "bind "+front, "parley-1:8080", strings.TrimPrefix(s.URL, "http://"),
	).Replace(content)
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	proxy := exec.CommandContext(t.Context(), "haproxy", "-db", "-f", path)
	proxy.Stdout, proxy.Stderr = &output, &output
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = proxy.Process.Kill()
		_ = proxy.Wait()
		if t.Failed() {
			t.Log(output.String())
		}
	})
	me := harness.NewClient(t, "http://"+front)
	harness.Eventually(t, "the proxy has found the server", func() bool {
		res, err := me.HTTP.Get(me.URL + "/healthz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	me.Call("POST", "/v1/sessions", models.Credentials{Username: "ada", Guest: true},
		"X-Forwarded-For", "203.0.113.9", "Forwarded", "for=203.0.113.9;proto=https").ExpectStatus(201).Decode(&me.Session)
	list := harness.Get[models.Page[models.SessionInfo]](me, "/v1/sessions").Items
	if len(list) != 1 || list[0].IP != "127.0.0.1" {
		t.Errorf("got sessions %+v, want one from 127.0.0.1", list)
	}
	for _, path := range []string{"/metrics", "/metrics?a=b", "//metrics", "/%6Detrics"} {
		if status := me.Send("GET", path, nil).HTTP.StatusCode; status != http.StatusNotFound {
			t.Errorf("through the proxy, %s returned %d, want %d", path, status, http.StatusNotFound)
		}
	}
	harness.NewClient(t, s.URL).Send("GET", "/metrics", nil).ExpectStatus(200)
}
