#!/bin/bash
# Launch script for Doom: the broadcast sidecar in the background, Chocolate Doom
# with the free game data of Freedoom in front. Settings of the sidecar come from
# the environment (docs/protocol.md, "Beside the game"). Arguments go to the game,
# for example: -warp 1 3
set -u
PATH=$PATH:/usr/games:/usr/local/games

wad=${FREEDOOM_WAD:-}
if [ -z "$wad" ]; then
  for candidate in /usr/share/games/doom/freedoom1.wad /usr/local/share/games/doom/freedoom1.wad; do
    if [ -r "$candidate" ]; then
      wad=$candidate
      break
    fi
  done
fi
if ! command -v chocolate-doom >/dev/null || [ ! -r "$wad" ]; then
  echo "this example needs Chocolate Doom and Freedoom, install them with:" >&2
  echo "  sudo apt-get install --no-install-recommends chocolate-doom freedoom" >&2
  exit 1
fi

# Settings and saved games belong to the session. An instance gives it a HOME of
# its own; without one, a scratch folder keeps a person's own settings alone.
scratch=""
if [ -z "${HOTSEAT_SESSION:-}" ]; then
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/hotseat-freedoom.XXXXXX") || exit 1
  export HOME=$scratch
fi

# Drawing in software costs a third less here than software OpenGL.
export SDL_RENDER_DRIVER=${SDL_RENDER_DRIVER:-software}
width=${VIDEO_WIDTH:-1280}
height=${VIDEO_HEIGHT:-720}

sidecar=""
game=""

# Ends one child: asks, then waits until it is gone.
end() {
  if [ -n "$1" ] && kill -TERM "$1" 2>/dev/null; then
    wait "$1" 2>/dev/null
  fi
}

stop() {
  trap '' TERM INT HUP
  end "$game"
  end "$sidecar"
  if [ -n "$scratch" ]; then
    rm -rf "$scratch"
  fi
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

# -nomusic: the MIDI synthesizer costs more than the game. -nograbmouse: the
# pointer belongs to whoever holds the seat.
chocolate-doom -iwad "$wad" -window -geometry "${width}x${height}" \
  -nomusic -nograbmouse -warp 1 1 -skill 2 "$@" &
game=$!
wait "$game"
code=$?
game=""
stop "$code"
