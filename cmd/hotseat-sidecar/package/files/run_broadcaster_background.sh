#!/bin/sh
# Launch script for Amazon GameLift Streams: the broadcast in the background, the game in front.
#
# Name the game here, relative to this folder, with its arguments one by one:
set -- "./YourGame" "$@"
#
# A broadcast that fails never ends the game, and the exit code is the game's. What the sidecar
# says goes to $HOTSEAT_SIDECAR_LOG, by default broadcaster.log beside this script.
set -u
cd "$(dirname "$0")" || exit 127
if [ -n "${HOTSEAT_GAME:-}" ]; then
  shift
  set -- "$HOTSEAT_GAME" "$@"
fi

sidecar=""
game=""

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

# The bridge: where the game can hear its audience, and be heard (docs/bridge.md of Hotseat).
: "${HOTSEAT_BRIDGE_ADDR:=127.0.0.1:40900}"
export HOTSEAT_BRIDGE_ADDR

log="${HOTSEAT_SIDECAR_LOG:-broadcaster.log}"
if ! : 2>/dev/null >>"$log"; then
  log=/dev/null
fi
./hotseat-sidecar >>"$log" 2>&1 &
sidecar=$!

# The game needs no secrets.
(
  unset IVS_STAGE_TOKEN STREAM_KEY HOTSEAT_EVENTS_TOKEN
  exec "$@"
) &
game=$!
wait "$game"
code=$?
game=""
stop "$code"
