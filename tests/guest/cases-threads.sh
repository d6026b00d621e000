#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Threads, futexes, signals among threads. Sourced by cases.sh.

options='' label='' stdin='' libcs=''
for program in threads clone rseq futex sigthreads; do
	try $program
done
if [ "$(id -u)" -eq 0 ]; then
	try scheduling
else
	skip scheduling 'not root on the host'
fi
