# SPDX-License-Identifier: BSD-3-Clause
# Cases of AF_VSOCK; sourced by cases.sh. Whether this host has the family, and what its machine is, says nothing of the guest: the
# programs know what Linux does.

options=
for program in vsockcalls vsockloop; do
	is_wanted $program && [ -z "$native_only" ] || continue
	for libc in glibc musl; do
		guest /dev/null "$programs/$libc/$program"
		if [ "$guest_status" -eq 0 ] && grep -qx "ok $program" "$work/out.guest"; then
			pass "$program-$libc ($machine)"
		else
			fail "$program-$libc ($machine)" "status $guest_status"
			sed 's/^/    /' "$work/out.guest"
		fi
	done
done
