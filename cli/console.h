/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The console between the machine and the command, as pure state machines.
 *
 * Output: everything is the program's text, except an end record (<core/status.h>) that is the last
 * thing before the machine ends. A record with anything behind it, or an unfinished one, is text.
 *
 * Input: as it is typed where the machine has a terminal. Else framed, so that all 256 values and
 * end-of-file arrive: DLE stands before a DLE that is meant, and DLE EOT is the end of file.
 */
#pragma once

#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_parser {
	char held[32]; /* what may be, or is, a record */
	size_t held_bytes;
	unsigned digits; /* of N so far */
	int status;      /* N so far */
	bool complete;
};

/** Appends to `out` what is now known to be text. Starts from all zeroes. */
void record_feed(struct record_parser *p, const char *in, size_t bytes, struct text *out);

/** Call at the machine's end: the status, or -1 where there is none; then what was held is text. */
int record_finish(struct record_parser *p, struct text *out);

void frame_input(const char *in, size_t bytes, struct text *out);
void frame_end_of_file(struct text *out);

/** Whether `in`, typed at `now_ms`, completes three Ctrl-C within a second. Starts from all zeroes. */
struct typed_interrupts {
	uint64_t when_ms[2]; /* of the last two, oldest first */
	unsigned count;
};
bool typed_interrupts_feed(struct typed_interrupts *t, const char *in, size_t bytes,
			   uint64_t now_ms);
