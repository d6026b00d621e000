#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs the Debian packages of packages.txt that are missing, as root or with sudo, and fetches lwIP's source. Says and does
# nothing when nothing is missing.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

die()
{
	printf 'setup: %s\n' "$@" >&2
	exit 1
}

packages()
{
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$here/packages.txt"
}

# Prints "package version" where the package is installed.
installed()
{
	dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null |
		awk '$1 == "installed" { print $2; exit }'
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "packages have to be installed: run this as root, or install sudo"
	fi
}

# Prints "package=version*" of each package that is not there; fails on one that is there in another version.
missing()
{
	packages | while read -r package version _; do
		found=$(installed "$package")
		case $found in
		'') printf '%s=%s*\n' "$package" "$version" ;;
		"$version"*) ;;
		*) die "$package is $found, but $version* is wanted (scripts/packages.txt)" ;;
		esac
	done
}

release=$(. /etc/os-release 2>/dev/null && printf '%s %s' "${ID-}" "${VERSION_ID-}") || release=unknown
[ "$release" = "debian 12" ] ||
	die "this knows Debian 12 only, and this system is '$release'." \
	    "Install what scripts/packages.txt lists by other means, then use make directly."

install_missing()
{
	want=$(missing)
	[ -n "$want" ] || return 0
	printf 'setup: installing %s packages\n' "$(printf '%s\n' "$want" | wc -l)"
	as_root apt-get -qq update
	# Each line of $want is one argument, and no shell pattern: apt reads the asterisk.
	set -f
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends \
		-o Dpkg::Use-Pty=0 install $want >/dev/null
	want=$(missing)
	[ -z "$want" ] || die "still missing: $(printf '%s ' $want)"
}

install_missing
"$here/fetch-lwip.sh" "$here/../.cache/lwip_2.2.1.orig.tar.xz"
