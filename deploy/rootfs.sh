#!/usr/bin/env bash
# Lays out the root file system of an image that runs one program and holds nothing else: the binary, the
# shared libraries that it loads, and the user that it runs as: deploy/rootfs.sh BINARY OUT [NAME]. The program
# is called NAME in the image, `thalweg` if none is given.
# It is what the build in deploy/Dockerfile and deploy/offline-images.sh have in common. No shell, no
# package manager: what is not there cannot be used by whoever gets in, and needs no updates.
set -euo pipefail

# The number of the user `nonroot` in images of this kind; the compose file runs as the host's user instead.
readonly uid=65532

die() {
  echo "rootfs.sh: $*" >&2
  exit 1
}

[ $# -eq 2 ] || [ $# -eq 3 ] || die "expected BINARY OUT [NAME], found $# arguments"
binary=$1 out=$2 name=${3:-thalweg}
[ -x "$binary" ] || die "$binary: expected a program that can be run; build one with 'cargo build --release'"
if [ -e "$out" ] && [ -n "$(ls -A "$out")" ]; then
  die "$out: expected a folder that is empty or not there yet; remove it, or name another"
fi

# Copies a library to the place where the loader of this system finds it, links followed.
take() { install -D -m 0755 "$(readlink -f "$1")" "$out$1"; }

# A static binary has no dynamic section, which ldd says by failing.
if libraries=$(ldd "$binary" 2>/dev/null); then
  if missing=$(grep 'not found' <<<"$libraries"); then
    die "$binary needs libraries that are not here: $missing"
  fi
  while read -r library; do take "$library"; done < <(grep -oE '/[^ ]+' <<<"$libraries")
  # Before 2.34 the C library loads what looks up host names when it first needs it, so that ldd does
  # not know of it.
  folder=$(dirname "$(grep -oE '/[^ ]+/libc\.so\.6' <<<"$libraries" || echo /none)")
  for library in libnss_files.so.2 libnss_dns.so.2 libresolv.so.2; do
    if [ -e "$folder/$library" ]; then take "$folder/$library"; fi
  done
fi
install -D -m 0755 "$binary" "$out/usr/local/bin/$name"
# The names of source lines are most of the file, and only a debugger reads them.
if command -v strip >/dev/null; then strip --strip-debug "$out/usr/local/bin/$name"; fi

mkdir -p "$out/etc"
printf 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:%d:%d:nonroot:/work:/sbin/nologin\n' "$uid" "$uid" >"$out/etc/passwd"
printf 'root:x:0:\nnonroot:x:%d:\n' "$uid" >"$out/etc/group"
# The names of a compose network are asked of its name server, after those that the engine writes into hosts.
printf 'hosts: files dns\n' >"$out/etc/nsswitch.conf"
# Whoever it runs as may write these, unless they are mounted or the root is read-only. A volume that is mounted
# in the place of one of them for the first time belongs to all as well.
(cd "$out" && install -d -m 1777 tmp work work/runs certs checkpoints)
