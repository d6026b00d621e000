/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The console between the machine and the command, as pure state machines.
 *
 * Output: everything is the program's text, except an end record (<core/status.h>) that is the last
 * thing before the machine ends, and the first input record. A record with anything behind it, or an
 * unfinished one, is text.
 *
 * The machine asks for input by the input record, once, when its serial port is set up and somebody wants
 * to read: what arrives earlier is lost in part, since setting up a 16550 clears what it has received. And
 * a program that does not read its standard input leaves it to who comes next.
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
	int status;        /* of the end record that is held; -1: none */
	bool input_wanted; /* the input record has come */
};

void record_init(struct record_parser *p);

/** Appends to `out` what is now known to be text. */
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
