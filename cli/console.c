/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parser of records, the framing of input, and the way out of a machine that hangs.
 *
 * A record has one byte that can begin it, ESC, which occurs in it once more: just before its last byte.
 * So where a candidate fails, only its last byte, or its last two, can belong to another one.
 */
#include "console.h"

#include <base/bits.h>
#include <core/status.h>

#include <assert.h>
#include <string.h>

enum { ESCAPE = 0x1b, DLE = 0x10, EOT = 0x04, CTRL_C = 0x03 };
enum { STATUS_MAX = 255, STATUS_DIGITS_MAX = 3, INTERRUPTS_WITHIN_MS = 1000 };

static const char begin[] = STATUS_RECORD_BEGIN;
static const char end[] = STATUS_RECORD_END;
static const char input[] = INPUT_RECORD;
enum { BEGIN_BYTES = sizeof begin - 1, END_BYTES = sizeof end - 1, INPUT_BYTES = sizeof input - 1 };

static_assert(BEGIN_BYTES + STATUS_DIGITS_MAX + END_BYTES <=
		      sizeof((struct record_parser *)0)->held,
	      "the longest record can be held");
static_assert(INPUT_BYTES <= sizeof((struct record_parser *)0)->held, "and the other one");

enum match { MATCH_NONE, MATCH_PART, MATCH_WHOLE };

static enum match match_input(const char *held, size_t bytes)
{
	if (bytes > INPUT_BYTES || memcmp(held, input, bytes))
		return MATCH_NONE;
	return bytes == INPUT_BYTES ? MATCH_WHOLE : MATCH_PART;
}

/* Sets *status with MATCH_WHOLE only. */
static enum match match_end(const char *held, size_t bytes, int *status)
{
	size_t digits = 0;
	int number = 0;

	if (memcmp(held, begin, min(bytes, (size_t)BEGIN_BYTES)))
		return MATCH_NONE;
	if (bytes <= BEGIN_BYTES)
		return MATCH_PART;
	held += BEGIN_BYTES;
	bytes -= BEGIN_BYTES;
	while (digits < bytes && held[digits] >= '0' && held[digits] <= '9')
		number = 10 * number + (held[digits++] - '0');
	if (!digits || digits > STATUS_DIGITS_MAX || number > STATUS_MAX)
		return MATCH_NONE;
	if (bytes - digits > END_BYTES || memcmp(held + digits, end, bytes - digits))
		return MATCH_NONE;
	if (bytes - digits < END_BYTES)
		return MATCH_PART;
	*status = number;
	return MATCH_WHOLE;
}

void record_init(struct record_parser *p)
{
	*p = (struct record_parser){ .status = -1 };
}

/* All that is held but its last `keep` bytes is text. */
static void release_held(struct record_parser *p, size_t keep, struct text *out)
{
	size_t bytes = p->held_bytes - keep;

	text_append(out, p->held, bytes);
	memmove(p->held, p->held + bytes, keep);
	p->held_bytes = keep;
	p->status = -1;
}

/* Whether the held bytes may be a record; a complete input record is taken. */
static bool judge_held(struct record_parser *p)
{
	enum match whole = p->input_wanted ? MATCH_NONE : match_input(p->held, p->held_bytes);

	if (whole == MATCH_WHOLE) {
		p->input_wanted = true;
		p->held_bytes = 0;
	}
	return whole != MATCH_NONE || match_end(p->held, p->held_bytes, &p->status) != MATCH_NONE;
}

static void feed_byte(struct record_parser *p, char c, struct text *out)
{
	if (p->status >= 0)
		release_held(p, 0, out); /* something behind it: no end record */
	p->held[p->held_bytes++] = c;
	if (judge_held(p))
		return;
	if (p->held_bytes >= 2 && p->held[p->held_bytes - 2] == ESCAPE) {
		release_held(p, 2, out);
		if (judge_held(p))
			return;
	}
	release_held(p, c == ESCAPE, out);
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
	if (p->status < 0)
		release_held(p, 0, out);
	return p->status;
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
