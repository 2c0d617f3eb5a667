package gameliftstreams

import "io/fs"

// executable is true: Windows has no such permission.
func executable(fs.FileInfo) bool { return true }
