package capture

/*
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// clientConfigVariable names a file that libpulse reads instead of its usual ones (pulse-client.conf(5)).
const clientConfigVariable = "PULSE_CLIENTCONFIG"

// configureSound has libpulse talk to its servers without shared memory. A server that dies within the millisecond in
// which both agree on the ring buffer leaves libpulse in a loop (pa_pstream_unlink in 16.1 waits for a switch of buffers
// that nobody will make): a processor is busy, and the sound gone, until the process ends. Copied, the sound is 192 kB/s.
//
// The file is in memory, and the variable is for libpulse in this process alone: what Go starts has the environment as
// it was. Without it everything works too, and the loop is possible.
func configureSound() {
	fd, err := unix.MemfdCreate("client.conf", unix.MFD_CLOEXEC)
	if err != nil {
		return
	}
	if _, err := unix.Write(fd, []byte(clientConfig(os.Getenv))); err != nil {
		_ = unix.Close(fd)
		return
	}
	name, value := C.CString(clientConfigVariable), C.CString(fmt.Sprintf("/proc/self/fd/%d", fd))
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(value))
	C.setenv(name, value, 1)
}

// clientConfig is a configuration that takes over the one that libpulse would read.
func clientConfig(env func(string) string) string {
	var text strings.Builder
	if own := ownClientConfig(env); own != "" {
		more, _ := filepath.Glob(own + ".d/*.conf") // sorted, as libpulse has them; the pattern's only error is a bad one
		for _, file := range append([]string{own}, more...) {
			fmt.Fprintf(&text, ".include %s\n", file)
		}
	}
	text.WriteString("enable-shm = no\n")
	return text.String()
}

// ownClientConfig is the first file of those that libpulse looks for, "" if there is none.
func ownClientConfig(env func(string) string) string {
	if named := env(clientConfigVariable); named != "" {
		return named
	}
	var places []string
	if config := env("XDG_CONFIG_HOME"); config != "" {
		places = append(places, config+"/pulse")
	}
	if home := env("HOME"); home != "" {
		places = append(places, home+"/.config/pulse", home+"/.pulse")
	}
	for _, place := range append(places, "/etc/pulse") {
		if file := place + "/client.conf"; readable(file) {
			return file
		}
	}
	return ""
}

func readable(file string) bool { return unix.Access(file, unix.R_OK) == nil }
