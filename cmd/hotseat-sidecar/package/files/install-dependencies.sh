#!/bin/sh
# Installs what hotseat-sidecar needs, on stock Ubuntu 22.04 or Debian 12, or later: GStreamer 1.20 or
# later and four sets of its plug-ins. Nothing is compiled and no foreign repository is added.
#
#   ./install-dependencies.sh           install, as root or through sudo
#   ./install-dependencies.sh --print   print the packages and do nothing
set -eu

# What of the sidecar each brings:
packages="
@PACKAGES@
glib-networking
ca-certificates
"

if [ "${1:-}" = "--print" ]; then
  echo $packages
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "This is neither Debian nor Ubuntu (no apt-get). Install what corresponds to:" $packages >&2
  echo "or use the self-contained package, which needs nothing." >&2
  exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
  sudo="sudo"
fi
$sudo apt-get -o DPkg::Lock::Timeout=300 -q update
# Without recommended packages: they would bring a desktop.
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q install -y --no-install-recommends $packages

"$(dirname "$0")/hotseat-sidecar" --help >/dev/null 2>&1 && echo "hotseat-sidecar starts."
