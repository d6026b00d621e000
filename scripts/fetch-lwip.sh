#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Fetches lwIP's upstream tarball from Debian trixie's source package into $1 and checks it. Does nothing, and asks no network, where
# the right file is there. Needs neither root nor a deb-src line: apt gets a sources file and a lists folder of its own, and the
# mirror is one of those that the system's packages come from.
set -eu

sha256=83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
target=${1:?usage: fetch-lwip.sh FILE}

die()
{
	printf 'fetch-lwip: %s\n' "$@" >&2
	exit 1
}

right()
{
	printf '%s  %s\n' "$sha256" "$1" | sha256sum --check --status 2>/dev/null
}

# The system's Debian mirrors, as apt understands its sources (both formats, any file).
mirrors()
{
	codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME-}")
	for release in "$codename" oldstable stable; do
		apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' \
			"Release: $release"
	done | awk '!seen[$0]++'
}

# Downloads with apt, which checks signatures and hashes, into the current directory.
download()
{
	printf 'deb-src [signed-by=%s] %s trixie main\n' "$keyring" "$1" >sources.list
	rm -rf lists cache
	mkdir -p lists/partial cache/archives/partial
	set -- -qq -o Dir::Etc::sourcelist="$PWD/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD/cache" \
		-o Acquire::Languages=none -o APT::Sandbox::User= -o APT::Update::Error-Mode=any
	apt-get "$@" update && apt-get "$@" source --download-only lwip
}

! right "$target" || exit 0
[ ! -e "$target" ] || die "$target is not the file it should be; remove it"
command -v apt-get >/dev/null || die "there is no apt-get here; put lwip_2.2.1+dfsg1.orig.tar.xz of Debian trixie at $target"
[ -r "$keyring" ] || die "$keyring is missing: install debian-archive-keyring"

mkdir -p "$(dirname "$target")"
target=$(cd "$(dirname "$target")" && pwd)/$(basename "$target")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
for mirror in $(mirrors); do
	download "$mirror" 2>>errors || continue
	for file in lwip_*.orig.tar.*; do
		if right "$file"; then
			cp "$file" "$target.part" && mv "$target.part" "$target"
			exit 0
		fi
	done
	printf "%s has lwIP, but not the version whose SHA-256 is %s\n" "$mirror" "$sha256" >>errors
done
[ -s errors ] || echo "no Debian mirror is in apt's configuration" >errors
sed 's/^/fetch-lwip: /' errors >&2
die "lwIP's source could not be fetched (a key that is not known: upgrade debian-archive-keyring)"
