#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Unpacks lwIP's tarball beside the stamp file and applies our patches: unpack-lwip.sh TARBALL STAMP PATCH... Two at a time do no harm.
set -eu

tarball=$1 stamp=$2
shift 2
folder=$(dirname "$stamp")
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
[ ! -e "$stamp" ] || [ -z "$(find "$tarball" "$@" -newer "$stamp")" ] || rm -f "$stamp"
[ ! -e "$stamp" ] || exit 0

rm -rf "$folder/src" "$folder/new"
mkdir "$folder/new"
tar -xf "$tarball" -C "$folder/new" --strip-components=1
for file; do
	patch -s -p0 -F0 -d "$folder/new" <"$file" || { echo "unpack-lwip: $file does not apply" >&2; exit 1; }
done
mv "$folder/new/src" "$folder/src"
rm -rf "$folder/new"
touch "$stamp"
