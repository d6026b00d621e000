# SPDX-License-Identifier: BSD-3-Clause
# Cases of events and of communication between tasks; sourced by cases.sh.

options=
libcs='glibc musl'
for program in epoll epollnest; do
	try $program
done
libcs=
