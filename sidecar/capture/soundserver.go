package capture

/*
#cgo pkg-config: gstreamer-1.0
#include <gst/gst.h>

static void hotseat_quiet(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer unused) {}

// hotseat_undo_open runs the transition from READY to NULL. The base class complains that there is no
// ring buffer to close, which is so, and returns.
static void hotseat_undo_open(void *element) {
	guint audio = g_log_set_handler("GStreamer-Audio", G_LOG_LEVEL_CRITICAL, hotseat_quiet, NULL);
	guint core = g_log_set_handler("GStreamer", G_LOG_LEVEL_CRITICAL, hotseat_quiet, NULL);
	gst_element_change_state(GST_ELEMENT(element), GST_STATE_CHANGE_READY_TO_NULL);
	g_log_remove_handler("GStreamer", core);
	g_log_remove_handler("GStreamer-Audio", audio);
}
*/
import "C"

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-gst/go-gst/gst"
)

// pulsePort is where PulseAudio's module-native-protocol-tcp listens unless told otherwise.
const pulsePort = "4713"

// probeTime is how long a sound server may take to accept a connection.
const probeTime = 500 * time.Millisecond

// probeSound asks whether a sound server accepts connections, for a thousandth of what it costs to find
// out with a pipeline. server is as Config.PulseServer. certain is false when the client library may
// know another place than those looked at (client.conf, a property of the X display), or may start a
// server by itself.
func probeSound(server string) (certain bool, err error) {
	if server == "" {
		server = os.Getenv("PULSE_SERVER")
	}
	places, certain := defaultSockets(), false
	if server != "" {
		places, certain = strings.Fields(server), true
	}
	for _, place := range places {
		network, address := soundAddress(place)
		var conn net.Conn
		if conn, err = net.DialTimeout(network, address, probeTime); err == nil {
			_ = conn.Close()
			return true, nil
		}
	}
	if err == nil {
		err = errors.New("capture: no sound server is named")
	}
	return certain, err
}

// soundAddress reads one entry of a PulseAudio server string: {machine}unix:/path, /path, tcp:host:port,
// tcp4:, tcp6: or a bare host.
func soundAddress(entry string) (network, address string) {
	if strings.HasPrefix(entry, "{") {
		if _, rest, ok := strings.Cut(entry, "}"); ok {
			entry = rest
		}
	}
	if path, ok := strings.CutPrefix(entry, "unix:"); ok {
		return "unix", path
	}
	if strings.HasPrefix(entry, "/") {
		return "unix", entry
	}
	network = "tcp"
	if kind, host, ok := strings.Cut(entry, ":"); ok && (kind == "tcp" || kind == "tcp4" || kind == "tcp6") {
		network, entry = kind, host
	}
	if _, _, err := net.SplitHostPort(entry); err != nil {
		entry = net.JoinHostPort(strings.Trim(entry, "[]"), pulsePort)
	}
	return network, entry
}

// defaultSockets are where servers of this machine listen, the user's before the system's.
func defaultSockets() (paths []string) {
	if dir := os.Getenv("PULSE_RUNTIME_PATH"); dir != "" {
		paths = append(paths, filepath.Join(dir, "native"))
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		paths = append(paths, filepath.Join(dir, "pulse", "native"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		of, _ := filepath.Glob(filepath.Join(home, ".config", "pulse", "*-runtime", "native")) // a fixed pattern
		paths = append(paths, of...)
	}
	return append(paths, "/var/run/pulse/native")
}

// undoOpen ends the threads of a pulsesrc that could not open its sound server. It starts a main loop on
// its way to READY and ends it on its way back, which GStreamer leaves out for an element that never
// arrived.
func undoOpen(source *gst.Element) { C.hotseat_undo_open(source.Unsafe()) }
