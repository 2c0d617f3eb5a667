// Package report is what hotseat-probe prints, for those who read it. It knows no codec.
package report

import "hotseat/sidecar/timecode"

// Picture is one decoded picture.
type Picture struct {
	Width  int             `json:"width"`  // pixels
	Height int             `json:"height"` // pixels
	At     int64           `json:"at"`     // Unix milliseconds when it was decoded
	Drawn  int64           `json:"drawn"`  // Unix milliseconds of its time code; 0: none was readable
	State  *timecode.State `json:"state"`  // of the demo game; nil: none was readable
}
