// Command go is a game that hears its audience, without the game: it prints who is in the
// seat, what people write and how they react, and marks the moment when somebody writes
// "!mark". docs/bridge.md is the protocol.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// event is the part of the bridge's lines that this game needs.
type event struct {
	Action  string `json:"action"`
	Epoch   int    `json:"epoch"`
	Holder  *struct{ Name string }
	User    string `json:"user"`
	Message string `json:"message"`

	Reaction string `json:"reaction"`
	Count    int    `json:"count"`

	Code string `json:"code"` // of an ERROR
}

// dial finds the bridge by the environment.
func dial() (net.Conn, error) {
	if path := os.Getenv("HOTSEAT_BRIDGE_SOCKET"); path != "" {
		return net.Dial("unix", path)
	}
	return net.Dial("tcp", os.Getenv("HOTSEAT_BRIDGE_ADDR"))
}

// hear reads lines until the connection ends.
func hear(bridge io.ReadWriter, screen io.Writer) {
	lines := bufio.NewScanner(bridge)
	lines.Buffer(nil, 128<<10)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		switch e.Action {
		case "SEAT":
			if e.Holder == nil {
				fmt.Fprintln(screen, "nobody plays")
			} else {
				fmt.Fprintf(screen, "%q plays\n", e.Holder.Name)
			}
		case "USER_CHAT_MESSAGE":
			fmt.Fprintf(screen, "%q: %q\n", e.User, e.Message) // %q: strangers typed it
			if e.Message == "!mark" {
				fmt.Fprintln(bridge, `{"action":"MARK","message":"the audience liked this","id":1}`)
			}
		case "STREAM_REACT":
			fmt.Fprintf(screen, "%d x %q\n", e.Count, e.Reaction)
		case "OK":
			fmt.Fprintln(screen, "marked")
		case "ERROR":
			fmt.Fprintf(screen, "not marked: %s: %s\n", e.Code, e.Message)
		}
	}
}

func main() {
	if os.Getenv("HOTSEAT_BRIDGE_ADDR") == "" && os.Getenv("HOTSEAT_BRIDGE_SOCKET") == "" {
		fmt.Println("no playtest: playing without an audience")
		return
	}
	for {
		if bridge, err := dial(); err == nil {
			hear(bridge, os.Stdout)
			bridge.Close()
		}
		time.Sleep(500 * time.Millisecond) // the bridge may have been started again
	}
}
