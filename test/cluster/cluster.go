//go:build unix

// Package cluster runs a private PostgreSQL for tests: as root or as another user, in a folder of its own, so that it
// can be killed and started again. It syncs to disk as in production, unless it is started by StartUnsynced.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser   = "parley"
	socketPort  = "5432" // part of the socket's file name if no port is opened
	startupTime = time.Minute
	stopTime    = 10 * time.Second

	// maxFolderLength leaves space for "/.s.PGSQL.5432" in a socket's address, which macOS limits to 103 bytes.
	maxFolderLength = 85
)

// locales are tried in order until initdb accepts one. A language's collation is first, because most production servers
// have one: a page query with "name > ?" that works only in byte order then fails in the tests, not in production.
var locales = [][]string{
	{"--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"},
	{"--locale=en_US.UTF-8"},
	{"--locale=C"},
}

// Cluster is a running PostgreSQL server, with the folder that holds all of it: data, socket and log.
type Cluster struct {
	programs string
	folder   string
	account  *syscall.Credential
	port     string
	listens  bool // on a port of 127.0.0.1, in addition to the socket
	unsynced bool // its data may be lost if the server crashes

	server *exec.Cmd
	exited chan struct{} // closed when the server's process has ended
}

// Start creates a cluster that can be reached by its socket alone, and returns when its server accepts connections. The
// caller stops it with Stop. Startup is limited to one minute.
func Start(ctx context.Context) (*Cluster, error) { return start(ctx, &Cluster{port: socketPort}) }

// StartUnsynced is Start for a cluster that leaves it to the operating system when to write to the disk. It takes a
// fraction of the time, and loses nothing while its server runs: what a killed client committed is still there. Do not
// use it for tests that kill PostgreSQL, nor for measurements.
func StartUnsynced(ctx context.Context) (*Cluster, error) {
	return start(ctx, &Cluster{port: socketPort, unsynced: true})
}

// StartListening is Start for a server that also listens on a port of 127.0.0.1, for connections through a proxy.
func StartListening(ctx context.Context) (*Cluster, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	return start(ctx, &Cluster{port: strconv.Itoa(port), listens: true})
}

// start creates the folder of a cluster whose port and kind are set, and starts its server.
func start(ctx context.Context, c *Cluster) (_ *Cluster, err error) {
	if c.programs, err = FindPrograms(ctx); err != nil {
		return nil, err
	}
	if c.account, err = serverAccount(); err != nil {
		return nil, err
	}
	if c.folder, err = makeFolder(c.account); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, startupTime)
	defer cancel()
	if err := c.initialise(ctx); err != nil {
		return nil, err
	}
	if err := c.Restart(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Restart starts the server again after Kill, and returns when it accepts connections.
func (c *Cluster) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startupTime)
	defer cancel()
	if err := c.launch(); err != nil {
		return err
	}
	if err := c.waitUntilReady(ctx); err != nil {
		return fmt.Errorf("starting PostgreSQL: %w\n%s", err, c.log())
	}
	return nil
}

// makeFolder creates the cluster's folder directly in the temporary folder: a deeper one might have a parent that only
// root can enter, and not the server's account.
func makeFolder(account *syscall.Credential) (string, error) {
	parent := os.TempDir()
	if len(parent)+len("/parley-pg-0000000000") > maxFolderLength {
		parent = "/tmp"
	}
	folder, err := os.MkdirTemp(parent, "parley-pg-")
	if err != nil {
		return "", err
	}
	if account != nil {
		err = os.Chown(folder, int(account.Uid), int(account.Gid))
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	return folder, nil
}

// Address returns the server's address by its socket. It includes the port, because otherwise a PGPORT in the
// environment would be used.
func (c *Cluster) Address() string {
	query := url.Values{"host": {c.folder}, "port": {c.port}}
	return "postgres://" + superuser + "@/postgres?" + query.Encode()
}

// ListenAddress returns the host and port of a server that was started by StartListening.
func (c *Cluster) ListenAddress() string { return net.JoinHostPort("127.0.0.1", c.port) }

// AddressAt returns the server's address through a proxy that listens at a host and port.
func (c *Cluster) AddressAt(hostPort string) string {
	return "postgres://" + superuser + "@" + hostPort + "/postgres?sslmode=disable"
}

// command returns a command that runs one of PostgreSQL's programs under the server's account.
func (c *Cluster) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.programs, program), args...)
	cmd.Dir = c.folder // the caller's own may be inaccessible for the account
	// In its own process group, so that Ctrl-C does not stop the server before the tests have ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.account, Setpgid: true}
	DieWithParent(cmd.SysProcAttr, syscall.SIGQUIT)
	return cmd
}

func (c *Cluster) data() string    { return filepath.Join(c.folder, "data") }
func (c *Cluster) logFile() string { return filepath.Join(c.folder, "log") }

func (c *Cluster) initialise(ctx context.Context) error {
	var output []byte
	var err error
	for _, locale := range locales {
		args := append([]string{
			"--pgdata=" + c.data(), "--username=" + superuser, "--auth=trust", "--encoding=UTF8",
			"--no-instructions", "--no-sync", // if a crash destroys an empty cluster, it is created again
		}, locale...)
		output, err = c.command(ctx, "initdb", args...).CombinedOutput()
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, strings.TrimSpace(string(output)))
	}
	return nil
}

func (c *Cluster) launch() error {
	log, err := os.Create(c.logFile())
	if err != nil {
		return err
	}
	defer log.Close()
	// Not bound to a context: only Stop ends the server, after the command that uses it.
	args := []string{
		"-D", c.data(), "-k", c.folder, "-p", c.port,
		"-c", "listen_addresses=" + c.host(),
		"-c", "max_connections=200",
		"-c", "shared_buffers=128MB",
		"-c", "max_wal_size=512MB",
		"-c", "fsync=on",
		"-c", "jit=off",
	}
	if c.unsynced {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	server := c.command(context.Background(), "postgres", args...)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return err
	}
	c.server, c.exited = server, make(chan struct{})
	go func() {
		defer close(c.exited)
		// The reason is in the server's log.
		_ = server.Wait()
	}()
	return nil
}

func (c *Cluster) host() string {
	if c.listens {
		return "127.0.0.1"
	}
	return ""
}

// waitUntilReady tries to connect until the server accepts. The socket's file exists before the server is ready, so
// only a connection shows that it is.
func (c *Cluster) waitUntilReady(ctx context.Context) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.Address())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-again.C:
		case <-c.exited:
			return errors.New("the server ended")
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// Stop kills the server without a checkpoint, which would be of no use, and removes its folder.
func (c *Cluster) Stop() error {
	if c.server != nil {
		_ = c.server.Process.Signal(syscall.SIGQUIT)
		select {
		case <-c.exited:
		case <-time.After(stopTime):
			_ = syscall.Kill(-c.server.Process.Pid, syscall.SIGKILL)
			<-c.exited
		}
	}
	return os.RemoveAll(c.folder)
}

// log returns the server's log, for the error of a failed start.
func (c *Cluster) log() string {
	text, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}
