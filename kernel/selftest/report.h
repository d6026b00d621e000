/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The self-test's lines on the console, each beginning with "selftest: ": `ok`, `FAIL` or `skip` with the check's name and a text,
 * or a value for machines, NAME=VALUE. Thread context; no lines from two threads at once but report_log()'s.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

struct report_counts {
	unsigned passed, failed, skipped;
};

/** One check's outcome. */
void report_ok(const char *check, const char *fmt, ...) printf_like(2, 3);
void report_fail(const char *check, const char *fmt, ...) printf_like(2, 3);
void report_skip(const char *check, const char *fmt, ...) printf_like(2, 3);

/** "selftest: NAME=VALUE"; the value has no newline. */
void report_value(const char *name, const char *fmt, ...) printf_like(2, 3);

/** A line that counts for nothing. */
void report_note(const char *fmt, ...) printf_like(1, 2);

struct report_counts report_counts(void);
