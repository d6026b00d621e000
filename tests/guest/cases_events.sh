# SPDX-License-Identifier: BSD-3-Clause
# Cases of events and of communication between tasks; sourced by cases.sh.

options=
libcs='glibc musl'
for program in epoll epollnest epollthreads pipes eventfd timerfd pollselect signalfd unixstream unixdgram unixrights inotify sysv; do
	try $program
done
libcs=

for seed in ${SEEDS:-1 2 3 4 5 6 7 8}; do
	libcs=musl label=$seed try randomev $seed 2000
done
label= libcs=

# Sets the clock: not on the host.
if is_wanted clockset && [ -z "$native_only" ]; then
	guest /dev/null "$programs/musl/clockset"
	if [ "$guest_status" -eq 0 ] && grep -qx 'ok clockset' "$work/out.guest"; then
		pass "clockset ($machine)"
	else
		fail "clockset ($machine)" "status $guest_status"
		sed 's/^/    /' "$work/out.guest"
	fi
fi
