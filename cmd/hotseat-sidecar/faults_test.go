package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/teststage"
)

// Faults of the network and of the stage, each with the time until the picture was back. The times
// are printed, not judged: they depend on the machine.

func TestBackOnTheAirAfterTheStageWasKilledAndRestarted(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	start(t, env)
	next(t, stage.Frames, "picture")
	startAgain := stage.Kill()
	down := time.After(3 * time.Second)
	<-down
	startAgain()
	t.Logf("stage killed for 3 s: on the air again %v after its start", backAfter(t, stage, time.Now()))
}

func TestOnTheAirThroughLossAndJitter(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	c := startChannels(t)
	env["HOTSEAT_SESSION"], env["HOTSEAT_EVENTS_URL"], env["HOTSEAT_EVENTS_TOKEN"] = sessionID, c.url, eventsToken
	env["VIDEO_BITRATE"] = "1500"
	start(t, env)
	next(t, stage.Frames, "picture")
	c.within(t, time.Minute, "SIDECAR_HEALTH", func(m map[string]any) bool { return m["state"] == "live" && m["targetKbps"] == 1500.0 })
	var low map[string]any
	var began time.Time
	for _, row := range []struct {
		what    string
		network teststage.Impairment
		seen    func(m map[string]any) bool
	}{
		{"30 % loss", teststage.Impairment{Loss: 0.3}, func(m map[string]any) bool { return m["targetKbps"].(float64) < 1000 }},
		{"200 ms jitter", teststage.Impairment{Jitter: 200 * time.Millisecond}, func(m map[string]any) bool { return m["rttMs"].(float64) > 100 }},
		{"30 % loss, 200 ms jitter", teststage.Impairment{Loss: 0.3, Jitter: 200 * time.Millisecond}, func(m map[string]any) bool {
			return m["lossPercent"].(float64) > 0 && m["rttMs"].(float64) > 100
		}},
	} {
		stage.Impair(row.network)
		began = time.Now()
		low = c.within(t, time.Minute, "SIDECAR_HEALTH", row.seen)
		t.Logf("%s: state %v, %v kbit/s (%v) after %v; loss said %v %%, round trip %v ms, restarts %v", row.what, low["state"], low["targetKbps"], low["limit"],
			time.Since(began).Round(time.Millisecond), low["lossPercent"], low["rttMs"], low["restarts"])
		if low["state"] != "live" || low["restarts"] != 0.0 {
			t.Errorf("%s ended the broadcast", row.what)
		}
		stage.Impair(teststage.Impairment{})
		began = time.Now()
		backAfter(t, stage, began)
		t.Logf("a whole picture %v after the network was well", time.Since(began).Round(time.Millisecond))
	}
	bottom := low["targetKbps"].(float64)
	up := c.within(t, time.Minute, "SIDECAR_HEALTH", func(m map[string]any) bool {
		bottom = min(bottom, m["targetKbps"].(float64))
		return m["state"] == "live" && m["targetKbps"].(float64) > bottom
	})
	t.Logf("rising again, to %v kbit/s, after %v", up["targetKbps"], time.Since(began).Round(time.Millisecond))
}

// A network namespace with one cable to the test, which can be pulled.
type cable struct {
	t            *testing.T
	space, outer string
	ip           string // of the test's end
}

func newCable(t *testing.T) *cable {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	id := strings.TrimPrefix(time.Now().Format(".000000"), ".")
	c := &cable{t: t, space: "hst" + id, outer: "hst" + id + "a", ip: "10.231.77.1"}
	for _, args := range [][]string{
		{"netns", "add", c.space},
		{"link", "add", c.outer, "type", "veth", "peer", "name", "eth0", "netns", c.space},
		{"addr", "add", c.ip + "/30", "dev", c.outer},
		{"link", "set", c.outer, "up"},
		{"-n", c.space, "addr", "add", "10.231.77.2/30", "dev", "eth0"},
		{"-n", c.space, "link", "set", "eth0", "up"},
		{"-n", c.space, "link", "set", "lo", "up"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			if args[0] == "netns" {
				t.Skipf("this machine makes no network namespaces: %s", out)
			}
			c.remove()
			t.Skipf("ip %s: %s", strings.Join(args, " "), out)
		}
		if args[0] == "netns" {
			t.Cleanup(c.remove)
		}
	}
	return c
}

func (c *cable) remove() {
	_ = exec.Command("ip", "link", "del", c.outer).Run()
	_ = exec.Command("ip", "netns", "del", c.space).Run()
}

func (c *cable) set(state string) {
	c.t.Helper()
	if out, err := exec.Command("ip", "link", "set", c.outer, state).CombinedOutput(); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
}

// certificate for an address, and the path of a file that makes it trusted.
func certificate(t *testing.T, ip string) (*tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stage of a test"}, IPAddresses: []net.IP{net.ParseIP(ip)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

func TestBackOnTheAirAfterTheNetworkWasCut(t *testing.T) {
	t.Parallel()
	cuts := []time.Duration{5 * time.Second}
	if os.Getenv("HOTSEAT_LONG") != "" {
		cuts = append(cuts, time.Minute)
	} else {
		t.Log("a cut of 60 s is tried with HOTSEAT_LONG=1")
	}
	c := newCable(t)
	cert, trusted := certificate(t, c.ip)
	_, env := environment(t)
	stage := teststage.Start(t, teststage.Options{IP: c.ip, Certificate: cert})
	env["IVS_WHIP_ENDPOINT"], env["SSL_CERT_FILE"] = stage.URL, trusted
	p := startIn(t, []string{"ip", "netns", "exec", c.space}, env)
	next(t, stage.Frames, "picture")
	worker := p.worker()
	for _, cut := range cuts {
		c.set("down")
		<-time.After(cut)
		for len(stage.Frames) > 0 {
			<-stage.Frames
		}
		c.set("up")
		t.Logf("network cut for %v: on the air %v after it was back", cut, backAfter(t, stage, time.Now()))
	}
	if p.worker() != worker {
		t.Error("the broadcast was started anew for it")
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestAnRTMPServerThatIsNotThereIsWaitedFor(t *testing.T) {
	t.Parallel()
	_, env := environment(t)
	c := startChannels(t)
	env["HOTSEAT_SESSION"], env["HOTSEAT_EVENTS_URL"], env["HOTSEAT_EVENTS_TOKEN"] = sessionID, c.url, eventsToken
	delete(env, "IVS_STAGE_TOKEN")
	delete(env, "IVS_WHIP_ENDPOINT")
	env["INGEST_TYPE"], env["RTMP_ENDPOINT"], env["STREAM_KEY"] = "rtmp", "rtmp://127.0.0.1:1/app/", "key-of-the-test"
	p := start(t, env)
	c.until(t, "SIDECAR_HEALTH", func(m map[string]any) bool { return m["state"] == "failing" && m["error"] != "" })
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(p.output(), "key-of-the-test") {
		t.Error("the log holds the stream key")
	}
}
