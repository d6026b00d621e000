/* SPDX-License-Identifier: BSD-3-Clause */
/* A system call as a line of text, in strace's form, by the letters of syscalls.def. Pure: usable on the host. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

struct trace_call {
	const char *name, *format;
	const long *args; /* six */
	long result;
	bool returned; /* false: a call that does not come back */
	/** Copies from the program's memory; 0 or a negative errno. */
	int (*read)(void *dst, uintptr_t src, size_t bytes);
};

/** Writes the line, without a newline, cut off at `size`; returns its length. */
size_t trace_format(const struct trace_call *call, char *line, size_t size);

/** "ENOENT"; NULL: no such number. */
const char *errno_name(int number);
