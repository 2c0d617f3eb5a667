package capture

/*
#include <dlfcn.h>
#include <stddef.h>
#include <unistd.h>

// Declared here rather than taken from Xlib.h, so that building needs no X headers: both
// handlers have these types since X11R1.
typedef struct hotseat_display hotseat_display;
typedef struct hotseat_xerror hotseat_xerror;

static int hotseat_io_error(hotseat_display *d) {
	// Returning makes Xlib call exit(). The thread is ximagesrc's, and of no use any more.
	for (;;)
		pause();
	return 0;
}

static int hotseat_error(hotseat_display *d, hotseat_xerror *e) { return 0; }

static int hotseat_tame_xlib(void) {
	void *lib = dlopen("libX11.so.6", RTLD_LAZY);
	if (lib == NULL)
		return -1;
	void *(*set_io)(int (*)(hotseat_display *)) = dlsym(lib, "XSetIOErrorHandler");
	void *(*set)(int (*)(hotseat_display *, hotseat_xerror *)) = dlsym(lib, "XSetErrorHandler");
	if (set_io == NULL || set == NULL)
		return -1;
	set_io(hotseat_io_error);
	set(hotseat_error);
	return 0;
}
*/
import "C"

import (
	"errors"
	"sync"
)

// tameXlib keeps Xlib, which ximagesrc uses, from ending the process: it calls exit() when the
// X server goes away, and on any X error. Our own connection to the display notices the same
// and says it through Err.
func tameXlib() { C.hotseat_tame_xlib() }

// ErrDisplayGone is what Err gives when the X server went away. The streaming thread of that
// pipeline cannot be ended then: it and the memory of the pipeline are left to the end of the
// process.
var ErrDisplayGone = errors.New("capture: the X display has gone away")

// abandoned keeps such pipelines reachable: go-gst would dispose of them while they run.
var abandoned struct {
	mu     sync.Mutex
	graphs []*graph
}

func abandon(g *graph) {
	abandoned.mu.Lock()
	defer abandoned.mu.Unlock()
	abandoned.graphs = append(abandoned.graphs, g)
}
