/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel's self-test says on the console (docs/selftest.md), line by line: its checks become a table on standard output, its
 * values are kept, to be compared with the machine that was asked for.
 */
#pragma once

#include "options.h"
#include "text.h"

#include <base/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct selftest_report {
	struct strings values;   /* "NAME=VALUE", as they came */
	struct strings outcomes; /* "ok CHECK", "FAIL CHECK", "skip CHECK" */
	unsigned passed, failed, skipped;
	bool ended;      /* the last line has come, */
	bool ended_well; /* and says that nothing failed */
	bool ready;      /* the services wait for questions */
};

/** Takes a line of the console, without its end. What is not the self-test's goes to standard error. */
void selftest_take_line(struct selftest_report *r, const char *line);

/** Adds a row of this command's own: `well`, or not. */
void selftest_add_row(struct selftest_report *r, bool well, const char *check, const char *fmt, ...)
	printf_like(4, 5);

/** The last value of this name; NULL: none has come. */
const char *selftest_value(const struct selftest_report *r, const char *name);

/** Whether this outcome has come: "ok entropy". */
bool selftest_has(const struct selftest_report *r, const char *outcome);

/** Compares with what was asked for; a row for each. `now_ns` is what the host's wall clock said when the machine told its own. */
void selftest_compare(struct selftest_report *r, const struct options *o, uint64_t now_ns);

/** The last row: the counts. */
void selftest_show_counts(const struct selftest_report *r);

void selftest_report_free(struct selftest_report *r);
