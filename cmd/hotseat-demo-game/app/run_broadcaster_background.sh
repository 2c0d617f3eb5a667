#!/bin/bash
# Launch script of the demo game: the broadcast sidecar in the background, the
# game in front. Both are found by PATH and read their settings from the
# environment (docs/protocol.md, "Beside the game"). Arguments go to the game.
set -u

sidecar=""
game=""

# Ends one child: asks, then waits until it is gone.
end() {
  if [ -n "$1" ] && kill -TERM "$1" 2>/dev/null; then
    wait "$1" 2>/dev/null
  fi
}

# The game first: the last thing the audience sees should be the game.
stop() {
  trap '' TERM INT HUP
  end "$game"
  end "$sidecar"
  exit "$1"
}
trap 'stop 143' TERM HUP
trap 'stop 130' INT

if command -v hotseat-sidecar >/dev/null; then
  hotseat-sidecar &
  sidecar=$!
else
  echo "hotseat-sidecar is not on the PATH: playing without a broadcast" >&2
fi

# Not exec and not a plain call: bash handles a signal only between commands,
# but at once while it waits.
hotseat-demo-game "$@" &
game=$!
wait "$game"
code=$?
game=""
stop "$code"
