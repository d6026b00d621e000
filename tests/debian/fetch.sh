#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# fetch.sh NAME PACKAGE...: makes build/debian/NAME, a root with these packages of Debian 12 and all they depend on, unpacked and not
# installed: nothing of them runs on this machine. Does nothing when it is there. Fails with the reason on stderr.
set -eu
cd "$(dirname "$0")/../.."

name=$1
shift
base=$PWD/build/debian
root=$base/$name
[ -e "$root.packages" ] && [ "$(cat "$root.packages")" = "$*" ] && exit 0

mkdir -p "$base/archives/partial"
: >"$base/status"
rm -rf "$root" "$root.packages"
# With no package on record as installed, all dependencies are fetched.
apt()
{
	apt-get -qq --yes --no-install-recommends -o "Dir::State::status=$base/status" -o "Dir::Cache::archives=$base/archives" \
		-o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" "$@"
}
# What is in the archives already would not be listed.
mkdir -p "$base/none/partial"
apt -o "Dir::Cache::archives=$base/none" --print-uris install "$@" | cut -d' ' -f2 >"$base/$name.list"
apt --download-only install "$@" >/dev/null
for directory in bin sbin lib lib64; do
	mkdir -p "$root/usr/$directory"
	ln -s "usr/$directory" "$root/$directory"
done
while read -r archive; do
	dpkg-deb --fsys-tarfile "$base/archives/$archive" | tar -x --keep-directory-symlink --no-same-owner -C "$root"
done <"$base/$name.list"
echo "$*" >"$root.packages"
