package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"hotseat/cmd/hotseat-sidecar/internal/supervise"
	"hotseat/sidecar/config"
)

// Names of sockets that the supervisor opens and the worker serves.
const (
	socketBridgeTCP  = "bridge-tcp"
	socketBridgeUnix = "bridge-unix"
	socketHealth     = "health"
)

// openSockets opens what the settings ask for; with a game of ours it chooses places for the
// bridge, and writes them into the settings for the game to be told. None of them may keep the
// broadcast from running: what cannot be opened is a warning.
func openSockets(cfg *config.Config, log *slog.Logger) (sockets []supervise.Socket, closeAll func()) {
	h := &cfg.Hotseat
	if len(cfg.Game) > 0 {
		if h.BridgeAddr == "" {
			h.BridgeAddr = "127.0.0.1:0"
		}
		if h.BridgeSocket == "" {
			h.BridgeSocket = filepath.Join(runtimeDir(), fmt.Sprintf("hotseat-bridge-%d.sock", os.Getpid()))
		}
	}
	open := func(name, network, address string) string {
		if address == "" {
			return ""
		}
		l, err := listen(network, address)
		if err != nil {
			log.Warn("a socket cannot be opened, going on without it", "what", name, "reason", err)
			return ""
		}
		sockets = append(sockets, supervise.Socket{Name: name, Listener: l})
		return l.Addr().String()
	}
	h.BridgeAddr = open(socketBridgeTCP, "tcp", h.BridgeAddr)
	h.BridgeSocket = open(socketBridgeUnix, "unix", h.BridgeSocket)
	if at := open(socketHealth, "tcp", cfg.HealthAddr); at != "" {
		cfg.HealthAddr = at
		log.Info("health is told on this machine", "healthz", "http://"+at+"/healthz", "metrics", "http://"+at+"/metrics")
	}
	return sockets, func() {
		for _, s := range sockets {
			s.Close()
		}
	}
}

// probeWait is how long a Unix socket has to answer before it counts as left over.
const probeWait = 200 * time.Millisecond

// listen opens a socket. A Unix socket that a killed process left behind is replaced; one that
// answers, or a file that is none, is not. Only the same user can connect to it.
func listen(network, address string) (net.Listener, error) {
	if network != "unix" {
		return net.Listen(network, address)
	}
	if info, err := os.Lstat(address); err == nil && info.Mode()&os.ModeSocket != 0 {
		if conn, err := net.DialTimeout("unix", address, probeWait); err == nil {
			conn.Close()
		} else {
			_ = os.Remove(address)
		}
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(address, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func runtimeDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return dir
	}
	return os.TempDir()
}

// gameCommand is nil without a game. The game gets what the sidecar got but its secrets, and where
// the bridge is.
func gameCommand(cfg config.Config, environment []string) *exec.Cmd {
	if len(cfg.Game) == 0 {
		return nil
	}
	cmd := exec.Command(cfg.Game[0], cfg.Game[1:]...)
	cmd.Env = without(environment, "HOTSEAT_BRIDGE_ADDR", "HOTSEAT_BRIDGE_SOCKET")
	for name, value := range map[string]string{
		"HOTSEAT_BRIDGE_ADDR": cfg.Hotseat.BridgeAddr, "HOTSEAT_BRIDGE_SOCKET": cfg.Hotseat.BridgeSocket,
	} {
		if value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

func parseSettings(raw json.RawMessage) (cfg config.Config, err error) {
	if err := json.Unmarshal(raw, &cfg); err != nil {
		return cfg, fmt.Errorf("read the settings of the supervisor: %w", err)
	}
	return cfg, nil
}
