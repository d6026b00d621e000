/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages on standard error, each written whole. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void report(const char *fmt, ...)
{
	va_list args;

	flockfile(stderr);
	fputs("capuchin: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

void report_out_of_memory(void)
{
	report("the host is out of memory");
	exit(EXIT_CANNOT_RUN);
}

void report_lines(const char *who, const char *lines)
{
	while (*lines) {
		size_t bytes = strcspn(lines, "\n");

		if (bytes)
			report("%s: %.*s", who, (int)bytes, lines);
		lines += bytes + (lines[bytes] == '\n');
	}
}
