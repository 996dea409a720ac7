package clients

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const examplesFolder = "handlers/web/examples"

// needExample reads one of the examples, which may not be longer than it says.
func needExample(t *testing.T, name string, most int, programs ...string) string {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") == "true" {
			t.Fatalf("the example %s needs %s, which is not installed", name, program)
		} else if err != nil {
			t.Skipf("the example %s is not tried: %s is not installed", name, program)
		}
	}
	text, err := os.ReadFile(filepath.Join(harness.RepositoryPath(examplesFolder), name))
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(text, []byte("\n")); lines > most {
		t.Errorf("%s has %d lines, more than %d", name, lines, most)
	}
	return string(text)
}

// TestExampleBot has the bot of the examples answer while the server and the bot itself are killed, its tokens stop
// working, and its place in the log is thrown back to its beginning: each question is answered once.
func TestExampleBot(t *testing.T) {
	needExample(t, "bot.sh", 30, "bash", "curl", "jq", "awk")
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		server, state := harness.StartProcess(t, database), t.TempDir()
		ada, parrot := harness.NewClient(t, server.URL).NewAccount("ada"), harness.NewClient(t, server.URL).NewAccount("parrot")
		room := ada.CreatePublicRoom()
		talk := &botTalk{ada: ada, stream: ada.OpenStream("room=" + fmt.Sprint(room.ID)), room: room.ID}
		bot := startBot(t, server.URL, parrot.User.Username, state, room.Handle)
		talk.stream.SkipTo(models.EventMemberJoined)
		place := filepath.Join(state, "place")
		start, err := os.ReadFile(place)
		if err != nil || len(start) == 0 {
			t.Fatalf("the bot came without a place in the log: %q, %v", start, err)
		}
		ada.SendText(room.ID, "Is anybody here?")
		talk.answered(talk.asked("!echo one & <two>"), "You said: one & <two>")

		server.Kill()
		server.Start()
		talk.comeBack()
		when := talk.asked("!time")
		talk.answered(when, "You asked at "+when.CreatedAt.Format("2006-01-02T15:04:05.000Z")+".")

		server.Kill()
		server.Args = append(server.Args, "--token-secret", strings.Repeat("another", 8))
		server.Start()
		talk.ada = ada.LogIn()
		talk.comeBack()
		talk.answered(talk.asked("!echo three"), "You said: three")
		var sessions models.Page[models.SessionInfo]
		parrot.LogIn().Call("GET", "/v1/sessions", nil).ExpectStatus(200).Decode(&sessions)
		if len(sessions.Items) != 3 { // of its sign-up, of the bot, and of this look
			t.Errorf("the bot logged in anew, and did not refresh its tokens: %v", sessions.Items)
		}

		bot.kill()
		four := talk.asked("!echo four")
		if err := os.WriteFile(place, start, 0o600); err != nil {
			t.Fatal(err)
		}
		startBot(t, server.URL, parrot.User.Username, state, room.Handle)
		talk.answered(four, "You said: four")
		talk.eachAnsweredOnce()
	})
}

// botTalk is what Ada asks, and what comes of it.
type botTalk struct {
	ada       *harness.Client
	stream    *harness.Stream
	room      int64
	questions []models.Message
}

func (b *botTalk) asked(text string) models.Message {
	b.ada.T.Helper()
	m := b.ada.SendText(b.room, text)
	b.questions = append(b.questions, m)
	return m
}

// answered reads the stream up to the answer.
func (b *botTalk) answered(question models.Message, text string) {
	b.ada.T.Helper()
	for {
		var m models.Message
		if err := b.stream.SkipTo(models.EventMessageCreated).Decode(&m); err != nil {
			b.ada.T.Fatal(err)
		}
		if m.ReplyTo == question.ID {
			if m.Text != text {
				b.ada.T.Fatalf("wanted %q, got %q", text, m.Text)
			}
			return
		}
	}
}

// comeBack opens the stream again where it broke off.
func (b *botTalk) comeBack() {
	b.ada.T.Helper()
	b.stream = b.ada.OpenStream(fmt.Sprint("room=", b.room), "Last-Event-ID", b.stream.LastID)
}

// eachAnsweredOnce: nothing but the questions was answered, and no one twice. The bot answers in the log's order, so
// when the newest question has its answer, none can be under way.
func (b *botTalk) eachAnsweredOnce() {
	b.ada.T.Helper()
	answers := map[int64]int{}
	for _, m := range b.ada.AllMessages(b.room) {
		if m.ReplyTo != 0 {
			answers[m.ReplyTo]++
		}
	}
	for _, q := range b.questions {
		if answers[q.ID] != 1 {
			b.ada.T.Errorf("%q has %d answers", q.Text, answers[q.ID])
		}
	}
	if len(answers) != len(b.questions) {
		b.ada.T.Errorf("answered was %v, asked %v", answers, b.questions)
	}
}

// exampleBot is bot.sh at work. With its requests and pauses it is a group of processes, which is killed as one.
type exampleBot struct{ cmd *exec.Cmd }

// startBot runs the bot until it is killed, at the latest with the test.
func startBot(t *testing.T, url, username, state string, rooms ...string) *exampleBot {
	t.Helper()
	cmd := exec.Command("bash", append([]string{filepath.Join(harness.RepositoryPath(examplesFolder), "bot.sh")}, rooms...)...)
	cmd.Env = append(os.Environ(), "PARLEY="+url, "BOT="+username, "PASSWORD="+harness.Password, "STATE="+state)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &exampleBot{cmd}
	t.Cleanup(func() {
		b.kill()
		if t.Failed() {
			t.Logf("the bot said: %s", said.Bytes())
		}
	})
	return b
}

func (b *exampleBot) kill() {
	if b.cmd.ProcessState == nil {
		_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
		_ = b.cmd.Wait()
	}
}
