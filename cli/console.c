/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end record's parser, the framing of input, and the way out of a machine that hangs.
 *
 * The record has one byte that can begin it, ESC, which occurs in it twice more: in its end. So where a
 * candidate fails, only its last byte can belong to another one.
 */
#include "console.h"

#include <core/status.h>

#include <assert.h>
#include <string.h>

enum { ESCAPE = 0x1b, DLE = 0x10, EOT = 0x04, CTRL_C = 0x03 };
enum { STATUS_MAX = 255, STATUS_DIGITS_MAX = 3, INTERRUPTS_WITHIN_MS = 1000 };

static const char begin[] = STATUS_RECORD_BEGIN;
static const char end[] = STATUS_RECORD_END;
enum { BEGIN_BYTES = sizeof begin - 1, END_BYTES = sizeof end - 1 };

static_assert(BEGIN_BYTES + STATUS_DIGITS_MAX + END_BYTES <=
		      sizeof((struct record_parser *)0)->held,
	      "the longest record can be held");

static bool take_digit(struct record_parser *p, char c)
{
	if (c < '0' || c > '9' || p->digits == STATUS_DIGITS_MAX)
		return false;
	int status = 10 * p->status + (c - '0');
	if (status > STATUS_MAX)
		return false;
	p->status = status;
	p->digits++;
	return true;
}

/* Whether the held bytes and `c` are still the beginning of a record; sets what c changes. */
static bool record_continues(struct record_parser *p, char c)
{
	if (p->complete)
		return false;
	if (p->held_bytes < BEGIN_BYTES)
		return c == begin[p->held_bytes];
	size_t of_end = p->held_bytes - BEGIN_BYTES - p->digits;
	if (of_end == 0 && take_digit(p, c))
		return true;
	if (!p->digits || c != end[of_end])
		return false;
	p->complete = of_end + 1 == END_BYTES;
	return true;
}

static void release_held(struct record_parser *p, size_t bytes, struct text *out)
{
	text_append(out, p->held, bytes);
	*p = (struct record_parser){ 0 };
}

static void hold(struct record_parser *p, char c)
{
	p->held[p->held_bytes++] = c;
}

static void feed_byte(struct record_parser *p, char c, struct text *out)
{
	if (record_continues(p, c)) {
		hold(p, c);
		return;
	}
	bool escape_last = p->held_bytes && p->held[p->held_bytes - 1] == ESCAPE;
	release_held(p, p->held_bytes - escape_last, out);
	if (escape_last) {
		hold(p, ESCAPE);
		feed_byte(p, c, out); /* at most once more: the candidate is one byte long now */
	} else if (c == ESCAPE) {
		hold(p, c);
	} else {
		text_append(out, &c, 1);
	}
}

void record_feed(struct record_parser *p, const char *in, size_t bytes, struct text *out)
{
	while (bytes) {
		if (!p->held_bytes) {
			const char *escape = memchr(in, ESCAPE, bytes);
			size_t plain = escape ? (size_t)(escape - in) : bytes;

			text_append(out, in, plain);
			in += plain;
			bytes -= plain;
		}
		if (bytes) {
			feed_byte(p, *in++, out);
			bytes--;
		}
	}
}

int record_finish(struct record_parser *p, struct text *out)
{
	if (p->complete)
		return p->status;
	release_held(p, p->held_bytes, out);
	return -1;
}

void frame_input(const char *in, size_t bytes, struct text *out)
{
	static const char literal_dle[] = { DLE, DLE };

	while (bytes) {
		const char *dle = memchr(in, DLE, bytes);
		size_t plain = dle ? (size_t)(dle - in) : bytes;

		text_append(out, in, plain);
		if (dle)
			text_append(out, literal_dle, sizeof literal_dle);
		in += plain + (dle ? 1 : 0);
		bytes -= plain + (dle ? 1 : 0);
	}
}

void frame_end_of_file(struct text *out)
{
	static const char end_of_file[] = { DLE, EOT };

	text_append(out, end_of_file, sizeof end_of_file);
}

bool typed_interrupts_feed(struct typed_interrupts *t, const char *in, size_t bytes,
			   uint64_t now_ms)
{
	for (size_t i = 0; i < bytes; i++) {
		if (in[i] != CTRL_C) {
			t->count = 0;
			continue;
		}
		if (t->count == 2 && now_ms - t->when_ms[0] < INTERRUPTS_WITHIN_MS)
			return true;
		t->when_ms[0] = t->count ? t->when_ms[t->count - 1] : now_ms;
		t->when_ms[1] = now_ms;
		t->count = t->count < 2 ? t->count + 1 : 2;
	}
	return false;
}
