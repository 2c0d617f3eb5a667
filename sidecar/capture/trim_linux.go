package capture

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void hotseat_trim(void) { malloc_trim(0); }
#else
static void hotseat_trim(void) {}
#endif
*/
import "C"

// trim gives memory that the C library keeps for later back to the system (malloc_trim(3)). It takes 1 to 7 ms, in which
// a thread of the pipeline that asks for memory waits.
func trim() { C.hotseat_trim() }
