package sshconsole

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// raw is a client that sends what OpenSSH's does not.
type raw struct {
	*gossh.Client
	t      testing.TB
	frozen *freezing
	gaveUp atomic.Bool // patience ended before the server did something
}

// dial connects with the key of somebody. What blocks is ended by the end of patience.
func (p *place) dial(who string) *raw {
	p.t.Helper()
	pem, err := os.ReadFile(filepath.Join(p.dir, who))
	if err != nil {
		p.t.Fatal(err)
	}
	signer, err := gossh.ParsePrivateKey(pem)
	if err != nil {
		p.t.Fatal(err)
	}
	tcp, err := net.DialTimeout("tcp", "127.0.0.1:"+p.port, patience)
	if err != nil {
		p.t.Fatal(err)
	}
	f := &freezing{Conn: tcp, closed: make(chan struct{})}
	conn, channels, requests, err := gossh.NewClientConn(f, "qa", &gossh.ClientConfig{
		User: "qa", Auth: []gossh.AuthMethod{gossh.PublicKeys(signer)}, HostKeyCallback: gossh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	r := &raw{Client: gossh.NewClient(conn, channels, requests), t: p.t, frozen: f}
	enough := time.AfterFunc(patience, func() {
		r.gaveUp.Store(true)
		_ = r.Close()
	})
	p.t.Cleanup(func() {
		enough.Stop()
		_ = r.Close()
		_ = r.Wait()
	})
	return r
}

// freezing is a connection that can stop to be read, as by a client that was suspended.
type freezing struct {
	net.Conn
	frozen atomic.Bool
	closed chan struct{}
	once   atomic.Bool
}

func (f *freezing) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if f.frozen.Load() {
		<-f.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (f *freezing) Close() error {
	if f.once.CompareAndSwap(false, true) {
		close(f.closed)
	}
	return f.Conn.Close()
}

// session opens one, or says why not.
func (r *raw) session() (gossh.Channel, error) {
	r.t.Helper()
	channel, requests, err := r.OpenChannel("session", nil)
	if err == nil {
		go gossh.DiscardRequests(requests)
	}
	return channel, err
}

func (r *raw) mustSession() gossh.Channel {
	r.t.Helper()
	channel, err := r.session()
	if err != nil {
		r.t.Fatalf("opening a session: %v", err)
	}
	return channel
}

// asks sends a request and says whether it was granted.
func (r *raw) asks(channel gossh.Channel, kind string, payload any) bool {
	r.t.Helper()
	ok, err := channel.SendRequest(kind, true, encode(payload))
	if err != nil {
		r.t.Fatalf("asking for %s: %v", kind, err)
	}
	return ok
}

func encode(payload any) []byte {
	if payload == nil {
		return nil
	}
	return gossh.Marshal(payload)
}

// What requests hold (RFC 4254, sections 6.2, 6.4 and 6.7).
type (
	variable struct{ Name, Value string }
	terminal struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	window struct{ Columns, Rows, Width, Height uint32 }
)

// isShortage says whether a channel was refused since there are enough.
func isShortage(err error) bool {
	var refused *gossh.OpenChannelError
	return errors.As(err, &refused) && refused.Reason == gossh.ResourceShortage
}

// until polls.
func (p *place) until(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("never: %s; the log:\n%s", what, p.log)
		}
	}
}
