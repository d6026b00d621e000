#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Threads, futexes, signals among threads. Sourced by cases.sh.

options='' label='' stdin='' libcs=''
for program in threads clone rseq futex mutexes sigthreads cputime; do
	try $program
done
if [ "$(id -u)" -eq 0 ]; then
	try scheduling
else
	skip scheduling 'not root on the host'
fi

for way in return:4 group:9 leader:7 exec:5 leader-exec:5 race:5 signal:143 thread-signal:138 fault:139 abort:134; do
	expected_status=${way#*:}
	label=${way%:*} try ends "${way%:*}"
done
expected_status= label=

label=1500 try manythreads 1500
options='-m 1024' libcs=musl label=10000 try manythreads 10000
options= label= libcs=

# Random calls by several threads: as chaos.
for seed in 1 2 3; do
	name=threadchaos-$seed
	is_wanted "$name" || continue
	[ -z "$native_only" ] || continue
	options='-e T_CHAOS=1'
	guest /dev/null "$programs/musl/threadchaos" $seed 400000
	options=
	if [ "$guest_status" -eq 0 ]; then
		pass "$name ($machine)"
	else
		fail "$name ($machine)" "status $guest_status"
		tail -c 2000 "$work/out.all" | tr -cd '\11\12\40-\176' | tail -n 20 | sed 's/^/    /'
	fi
done
