/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the command says on its standard error, and the exit statuses that are its own. A function that
 * returns a negative errno has already reported why, unless its header says otherwise.
 */
#pragma once

#include <base/compiler.h>

enum exit_status {
	EXIT_CANNOT_RUN = 1,  /* the program, the image or the machine cannot be had */
	EXIT_USAGE = 2,       /* the command line is wrong */
	EXIT_NO_STATUS = 122, /* the machine ended without telling a status */
	EXIT_TIMED_OUT =
		123, /* --timeout ran out; 124 and 125 are the kernel's (<core/status.h>) */
	EXIT_SIGNAL_BASE = 128, /* the command itself was ended by signal n: 128 + n */
};

/** One line "capuchin: ...". */
void report(const char *fmt, ...) printf_like(1, 2);

/** Ends the command with EXIT_CANNOT_RUN. */
_Noreturn void report_out_of_memory(void);

/** Each line of `lines` as "capuchin: <who>: line". */
void report_lines(const char *who, const char *lines);
