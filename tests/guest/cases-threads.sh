#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Threads, futexes, signals among threads. Sourced by cases.sh.

options='' label='' stdin='' libcs=''
for program in threads clone rseq futex mutexes sigthreads; do
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
