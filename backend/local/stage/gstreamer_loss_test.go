package stage

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lossyWay is a way to a stage on which every so many packets of RTP are lost, whoever sends them.
type lossyWay struct {
	url   string // of the stage, through it
	every int64
	sent  atomic.Int64
	lost  atomic.Int64
	work  sync.WaitGroup
}

var (
	anyCandidate  = regexp.MustCompile(`a=candidate:.*\r\n`)
	hostCandidate = regexp.MustCompile(`(a=candidate:\S+ \d udp \d+ 127\.0\.0\.1 )(\d+) `)
)

func newLossyWay(t *testing.T, stageURL string, every int64) *lossyWay {
	t.Helper()
	to, err := url.Parse(stageURL)
	if err != nil {
		t.Fatal(err)
	}
	w := &lossyWay{every: every}
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host})
			// The stage must not find its own way to the client.
			body, err := io.ReadAll(r.In.Body)
			if err != nil {
				t.Error(err)
			}
			offer := anyCandidate.ReplaceAllString(string(body), "")
			r.Out.Body, r.Out.ContentLength = io.NopCloser(strings.NewReader(offer)), int64(len(offer))
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			answer := hostCandidate.ReplaceAllStringFunc(string(body), func(line string) string {
				m := hostCandidate.FindStringSubmatch(line)
				return m[1] + w.relay(t, m[2]) + " "
			})
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(answer)), int64(len(answer))
			r.Header.Set("Content-Length", strconv.Itoa(len(answer)))
			return nil
		},
	})
	w.url = front.URL + to.Path
	t.Cleanup(w.work.Wait) // after what follows
	t.Cleanup(front.Close)
	return w
}

// relay opens a port before a stage's, for one client, and returns it.
func (w *lossyWay) relay(t *testing.T, port string) string {
	outer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Error(err)
		return port
	}
	inner, err := net.Dial("udp4", "127.0.0.1:"+port)
	if err != nil {
		t.Error(err)
		return port
	}
	t.Cleanup(func() { _, _ = outer.Close(), inner.Close() })
	var client atomic.Pointer[net.UDPAddr]
	w.work.Go(func() {
		buffer := make([]byte, receiveMTU)
		for {
			n, from, err := outer.ReadFromUDP(buffer)
			if err != nil {
				return
			}
			client.Store(from)
			if !w.loses(buffer[:n]) {
				_, _ = inner.Write(buffer[:n])
			}
		}
	})
	w.work.Go(func() {
		buffer := make([]byte, receiveMTU)
		for {
			n, err := inner.Read(buffer)
			if err != nil {
				return
			}
			if to := client.Load(); to != nil && !w.loses(buffer[:n]) {
				_, _ = outer.WriteToUDP(buffer[:n], to)
			}
		}
	})
	return strconv.Itoa(outer.LocalAddr().(*net.UDPAddr).Port)
}

// loses decides over a datagram: RTP alone is lost (RFC 7983 section 7, RFC 5761 section 4).
func (w *lossyWay) loses(datagram []byte) bool {
	if len(datagram) < 12 || datagram[0] < 128 || datagram[0] > 191 || datagram[1] >= 192 && datagram[1] <= 223 {
		return false
	}
	if w.sent.Add(1)%w.every != 0 {
		return false
	}
	w.lost.Add(1)
	return true
}

func TestWhatGStreamerReportsMissingIsSentAgain(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	gstreamer(t, "gstreamer_whip.py", s.url+"/st/publish/game", s.invite("st", "game", "publish"))
	s.awaitEvent(PublishStarted, "game", 1)
	way := newLossyWay(t, s.url, 25)
	_, seen := gstreamer(t, "gstreamer_whep.py", way.url+"/st/subscribe/game", s.invite("st", "player", "subscribe"), "90")
	s.awaitEvent(SubscribeStarted, "player", 1)
	told := make(chan string, 1)
	way.work.Go(func() { told <- seen() })
	var video DeliveryStats
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		if viewers := s.server.Stats().Stages[0].Feeds[0].Viewers; len(viewers) > 0 {
			video = viewers[0].Video // the newest while there is one
		}
		select {
		case said := <-told:
			if !regexp.MustCompile(`^frames \d+ 640x360, audio \d+\n$`).MatchString(said) {
				t.Errorf("the player says %q", said)
			}
			if way.lost.Load() == 0 || video.NACKs == 0 || video.Resent == 0 {
				t.Errorf("%d packets were lost on the way, %d reported missing, %d sent again", way.lost.Load(), video.NACKs, video.Resent)
			}
			t.Logf("%d of %d packets were lost on the way, pictures and sound; of the pictures' %d were reported missing and %d sent again, %d key frames wished for in %d frames",
				way.lost.Load(), way.sent.Load(), video.NACKs, video.Resent, video.KeyFrameWishes, video.Frames)
			return
		case <-look.C:
		}
	}
}
