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

// needExample reads one of the examples, and fails if it has more than most lines. It skips the test if a program that
// the example needs is not installed; in CI it fails instead.
func needExample(t *testing.T, name string, most int, programs ...string) string {
	t.Helper()
	for _, program := range programs {
		harness.NeedProgram(t, program)
	}
	text, err := os.ReadFile(filepath.Join(harness.RepositoryPath(examplesFolder), name))
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(text, []byte("\n")); lines > most {
		t.Errorf("%s has %d lines, want at most %d", name, lines, most)
	}
	return string(text)
}

// TestExampleBot asks the example bot questions while the server and the bot are killed, its tokens become invalid, and
// its position in the log is reset to the start: each question is answered exactly once.
func TestExampleBot(t *testing.T) {
	needExample(t, "bot.sh", 30, "bash", "curl", "jq", "awk")
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		server, state := harness.StartProcess(t, database), t.TempDir()
		ada := harness.NewClient(t, server.URL).NewAccount("ada")
		parrot := harness.NewClient(t, server.URL).NewAccount("parrot")
		room := ada.CreatePublicRoom()
		talk := &botConversation{ada: ada, stream: ada.OpenStream("room=" + fmt.Sprint(room.ID)), room: room.ID}
		bot := startBot(t, server.URL, parrot.User.Username, state, room.Handle)
		talk.stream.SkipTo(models.EventMemberJoined)
		place := filepath.Join(state, "place")
		start, err := os.ReadFile(place)
		if err != nil || len(start) == 0 {
			t.Fatalf("the bot joined without a saved position in the log: %q, %v", start, err)
		}
		ada.SendText(room.ID, "Is anybody here?")
		talk.expectAnswer(talk.ask("!echo one & <two>"), "You said: one & <two>")

		server.Kill()
		server.Start()
		talk.reopenStream()
		when := talk.ask("!time")
		talk.expectAnswer(when, "You asked at "+when.CreatedAt.Format("2006-01-02T15:04:05.000Z")+".")

		server.Kill()
		server.Args = append(server.Args, "--token-secret", strings.Repeat("another", 8))
		server.Start()
		talk.ada = ada.LogIn()
		talk.reopenStream()
		talk.expectAnswer(talk.ask("!echo three"), "You said: three")
		var sessions models.Page[models.SessionInfo]
		parrot.LogIn().Call("GET", "/v1/sessions", nil).ExpectStatus(200).Decode(&sessions)
		if len(sessions.Items) != 3 { // of the sign-up, of the bot, and of this request
			t.Errorf("the bot logged in again instead of refreshing its tokens: got sessions %v, want 3", sessions.Items)
		}

		bot.kill()
		four := talk.ask("!echo four")
		if err := os.WriteFile(place, start, 0o600); err != nil {
			t.Fatal(err)
		}
		startBot(t, server.URL, parrot.User.Username, state, room.Handle)
		talk.expectAnswer(four, "You said: four")
		talk.expectOneAnswerEach()
	})
}

// botConversation is Ada's questions in a room, and the stream on which she waits for the bot's answers.
type botConversation struct {
	ada       *harness.Client
	stream    *harness.Stream
	room      int64
	questions []models.Message
}

func (b *botConversation) ask(text string) models.Message {
	b.ada.T.Helper()
	m := b.ada.SendText(b.room, text)
	b.questions = append(b.questions, m)
	return m
}

// expectAnswer reads the stream up to the answer to a question.
func (b *botConversation) expectAnswer(question models.Message, text string) {
	b.ada.T.Helper()
	for {
		var m models.Message
		if err := b.stream.SkipTo(models.EventMessageCreated).Decode(&m); err != nil {
			b.ada.T.Fatal(err)
		}
		if m.ReplyTo == question.ID {
			if m.Text != text {
				b.ada.T.Fatalf("got answer %q, want %q", m.Text, text)
			}
			return
		}
	}
}

// reopenStream opens the stream again after its last event.
func (b *botConversation) reopenStream() {
	b.ada.T.Helper()
	b.stream = b.ada.OpenStream(fmt.Sprint("room=", b.room), "Last-Event-ID", b.stream.LastID)
}

// expectOneAnswerEach checks that the bot answered each question once, and nothing else. The bot answers in the order
// of the log, so once the newest question has its answer, no other answer can be pending.
func (b *botConversation) expectOneAnswerEach() {
	b.ada.T.Helper()
	answers := map[int64]int{}
	for _, m := range b.ada.AllMessages(b.room) {
		if m.ReplyTo != 0 {
			answers[m.ReplyTo]++
		}
	}
	for _, q := range b.questions {
		if answers[q.ID] != 1 {
			b.ada.T.Errorf("%q has %d answers, want 1", q.Text, answers[q.ID])
		}
	}
	if len(answers) != len(b.questions) {
		b.ada.T.Errorf("got answers to %v, want one to each of %v", answers, b.questions)
	}
}

// exampleBot is a running bot.sh. The shell and the programs that it runs are one process group, so that all of them
// are killed together.
type exampleBot struct{ cmd *exec.Cmd }

// startBot runs the bot until it is killed, at the latest at the end of the test.
func startBot(t *testing.T, url, username, state string, rooms ...string) *exampleBot {
	t.Helper()
	script := filepath.Join(harness.RepositoryPath(examplesFolder), "bot.sh")
	cmd := exec.Command("bash", append([]string{script}, rooms...)...)
	cmd.Env = append(os.Environ(), "PARLEY="+url, "BOT="+username, "PASSWORD="+harness.Password, "STATE="+state)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &exampleBot{cmd}
	t.Cleanup(func() {
		b.kill()
		if t.Failed() {
			t.Logf("the bot printed: %s", output.Bytes())
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
