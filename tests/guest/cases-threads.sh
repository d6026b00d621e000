#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Threads, futexes, signals among threads. Sourced by cases.sh.

options='' label='' stdin='' libcs=''
for program in threads clone; do
	try $program
done
