package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotseat/sidecar/testscreen"
)

// authorities is the file from which GnuTLS takes whom it trusts.
const authorities = "/etc/ssl/certs/ca-certificates.crt"

// TestRTMPSGoesToWhomThisMachineTrustsAndToNobodyElse gives one sidecar a certificate of an authority that its machine
// knows, by another file in a mount namespace of its own, and another sidecar the same without.
func TestRTMPSGoesToWhomThisMachineTrustsAndToNobodyElse(t *testing.T) {
	t.Parallel()
	known, err := os.ReadFile(authorities)
	if os.Geteuid() != 0 || err != nil {
		t.Skipf("a mount namespace, and so root, and %s are needed: %v", authorities, err)
	}
	if said, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil { // root in a container may not
		t.Skipf("no mount namespace: %v: %s", err, said)
	}
	dir := t.TempDir()
	certificate := selfSigned(t, dir)
	trusting := filepath.Join(dir, "authorities")
	write(t, trusting, string(known)+certificate)
	plain, secure := freeAddress(t), freeAddress(t)
	runMediaMTX(t, "logLevel: warn\nrtsp: no\nhls: no\nwebrtc: no\nsrt: no\nmoq: no\nrtmp: yes\nrtmpEncryption: strict\nrtmpAddress: "+plain+
		"\nrtmpsAddress: "+secure+"\nrtmpServerKey: "+filepath.Join(dir, "key")+"\nrtmpServerCert: "+filepath.Join(dir, "certificate")+
		"\npaths:\n  all_others:\n", secure)
	display := testscreen.Start(t, 640, 360)
	testscreen.Paint(t, display, 30)
	env := map[string]string{
		"DISPLAY": display, "VIDEO_WIDTH": "640", "VIDEO_HEIGHT": "360", "ENABLE_AUDIO": "false",
		"INGEST_TYPE": "rtmp", "RTMP_ENDPOINT": "rtmps://" + secure + "/live", "STREAM_KEY": "sk_hush",
	}
	by := []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", `mount --bind "$0" ` + authorities + ` && exec "$@"`}
	trusts := startIn(t, append(by, trusting), env)
	until(t, "the broadcast over TLS", func() bool { return strings.Contains(trusts.output(), "the RTMP connection is live") })
	stranger := start(t, env)
	until(t, "a certificate of nobody known to be refused", func() bool { return strings.Contains(stranger.output(), "the RTMP connection failed") })
	if strings.Contains(stranger.output(), "is live") {
		t.Error("broadcast to a server that anybody could be")
	}
	if strings.Contains(trusts.output()+stranger.output(), "sk_hush") {
		t.Error("the stream key is in the log")
	}
}

// selfSigned writes a key and a certificate for 127.0.0.1 to files of these names, and returns the certificate.
func selfSigned(t *testing.T, dir string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	made, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}))
	write(t, filepath.Join(dir, "certificate"), certificate)
	write(t, filepath.Join(dir, "key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return certificate
}
