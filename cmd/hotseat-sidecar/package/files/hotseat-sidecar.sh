#!/bin/sh
# Starts the sidecar with the libraries of this folder, and with them alone. Nothing is said by a
# variable, so that a game that the sidecar starts (hotseat-sidecar run -- game) sees none of them.
lib="$(dirname "$(readlink -f "$0")")/lib"
exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$lib/hotseat-sidecar" "$@"
