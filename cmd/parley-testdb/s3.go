//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/parley-chat/parley/test/cluster"
)

const (
	// versityGW is an S3 server that keeps its objects in a folder. It is built once, into the user's cache.
	versityGW        = "github.com/versity/versitygw/cmd/versitygw"
	versityGWVersion = "v1.8.0"
	s3User           = "parley"

	startupTime = time.Minute
)

// s3Server is a running server, with the folder that holds all of it.
type s3Server struct {
	folder  string
	address string // in the form that --files takes, without a bucket: the tests create those

	server *exec.Cmd
	exited chan struct{} // closed when the server's process has ended
}

// startS3 starts the server and returns when it responds. The caller must stop it.
func startS3(ctx context.Context, program string) (_ *s3Server, err error) {
	listen, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &s3Server{exited: make(chan struct{})}
	if s.folder, err = os.MkdirTemp("", "parley-s3-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	secret := rand.Text()
	s.address = (&url.URL{
		Scheme: "s3", User: url.UserPassword(s3User, secret), Host: "bucket",
		RawQuery: url.Values{"endpoint": {"http://" + listen}, "region": {"us-east-1"}}.Encode(),
	}).String()
	if err := s.start(program, listen, secret); err != nil {
		return nil, err
	}
	if err := s.waitUntilReady(ctx, listen); err != nil {
		return nil, err
	}
	return s, nil
}

// s3Program returns the server's program, and builds it if it is missing.
func s3Program(ctx context.Context, stderr io.Writer) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "parley", "versitygw-"+versityGWVersion)
	program := filepath.Join(folder, "versitygw")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	fmt.Fprintln(stderr, "parley-testdb: building an S3 server for the tests (a minute, only the first time)")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	// Built in a temporary folder and then moved, because two processes may do so at once.
	temporary, err := os.MkdirTemp(folder, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	build := exec.CommandContext(ctx, "go", "install", versityGW+"@"+versityGWVersion)
	build.Dir = temporary // outside of any go.mod
	build.Env = append(os.Environ(), "GOBIN="+temporary, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", versityGW, err, strings.TrimSpace(string(output)))
	}
	return program, os.Rename(filepath.Join(temporary, "versitygw"), program)
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *s3Server) start(program, listen, secret string) error {
	objects, metadata := filepath.Join(s.folder, "objects"), filepath.Join(s.folder, "metadata")
	if err := errors.Join(os.Mkdir(objects, 0o700), os.Mkdir(metadata, 0o700)); err != nil {
		return err
	}
	// Without a context: only stop ends the server, after the command that uses it. The metadata is in a separate
	// folder, because not every file system has extended attributes.
	s.server = exec.CommandContext(context.Background(), program,
		"--quiet", "--port", listen, "--access", s3User, "--secret", secret, "posix", "--sidecar", metadata, objects)
	s.server.Dir = s.folder
	s.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cluster.DieWithParent(s.server.SysProcAttr, syscall.SIGKILL)
	if err := s.server.Start(); err != nil {
		s.server = nil
		return err
	}
	go func() {
		defer close(s.exited)
		_ = s.server.Wait()
	}()
	return nil
}

// waitUntilReady connects until the server accepts.
func (s *s3Server) waitUntilReady(ctx context.Context, listen string) error {
	ctx, cancel := context.WithTimeout(ctx, startupTime)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", listen)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-retry.C:
		case <-s.exited:
			return errors.New("the S3 server ended right after its start")
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// stop kills the server, and removes its folder.
func (s *s3Server) stop() {
	if s.server != nil {
		_ = s.server.Process.Kill()
		<-s.exited
	}
	if err := os.RemoveAll(s.folder); err != nil {
		fmt.Fprintln(os.Stderr, "parley-testdb:", err)
	}
}
