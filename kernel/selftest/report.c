/* SPDX-License-Identifier: BSD-3-Clause */
/* The self-test's lines. See report.h. */
#include "report.h"

#include <base/bits.h>
#include <base/format.h>
#include <class/tty.h>
#include <stdarg.h>

enum { LINE_BYTES = 256 };

/* One run in a machine. */
static struct report_counts counts;

static void write_line(const char *head, const char *name, const char *middle, const char *fmt,
		       va_list args)
{
	char line[LINE_BYTES];
	size_t room = sizeof line - 1; /* for the newline */
	size_t length = (size_t)format(line, room, "selftest: %s%s%s", head, name, middle);

	if (length < room)
		length += (size_t)format_va(line + length, room - length, fmt, args);
	length = min(length, room - 1);
	line[length++] = '\n';
	/* Waits for a slow host; what it never takes is lost. */
	(void)!tty_write(tty_console(), line, length, false);
}

void report_ok(const char *check, const char *fmt, ...)
{
	va_list args;

	counts.passed++;
	va_start(args, fmt);
	write_line("ok ", check, ": ", fmt, args);
	va_end(args);
}

void report_fail(const char *check, const char *fmt, ...)
{
	va_list args;

	counts.failed++;
	va_start(args, fmt);
	write_line("FAIL ", check, ": ", fmt, args);
	va_end(args);
}

void report_skip(const char *check, const char *fmt, ...)
{
	va_list args;

	counts.skipped++;
	va_start(args, fmt);
	write_line("skip ", check, ": ", fmt, args);
	va_end(args);
}

void report_value(const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	write_line("", name, "=", fmt, args);
	va_end(args);
}

void report_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	write_line("", "", "", fmt, args);
	va_end(args);
}

struct report_counts report_counts(void)
{
	return counts;
}
