#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Boots programs of other people and our own, as a user would, and shows what the boot cost.
set -eu
cd "$(dirname "$0")/.."
. bench/machine.sh

# A command as it is typed, and what it does.
show()
{
	printf '\n$ %s\n' "$1"
	sh -c "$1" || printf '(exit status %d)\n' $?
}

show './capuchin run build/bench/hello'
show './capuchin run /bin/busybox uname -a'
show './capuchin run --add LICENSE:/LICENSE /bin/busybox sha256sum /LICENSE'
show './capuchin run -e NAME=Debian --add /etc/debian_version /bin/busybox sh -c '\''
	read -r version </etc/debian_version; echo "this is $NAME $version, process $$"; exit 7'\'
printf '\nWhat a boot costs (128 MiB, QEMU microvm, TCG):\n'
count hello 128
printf '  %9d guest instructions from kernel entry to the first instruction of the program\n' $((started - entered))
printf '  %9d guest instructions from kernel entry to power-off\n' $((ended - entered))
printf '  %9d bytes of kernel image\n' "$(stat -c %s build/capuchin.elf)"
