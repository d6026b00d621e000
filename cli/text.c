/* SPDX-License-Identifier: BSD-3-Clause */
/* Growing text and lists of strings. */
#include "text.h"

#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *old, size_t bytes)
{
	void *grown = realloc(old, bytes);

	if (!grown)
		report_out_of_memory();
	return grown;
}

void text_append(struct text *t, const void *data, size_t bytes)
{
	if (bytes >= t->room - t->bytes || !t->data) {
		t->room = 2 * t->room + bytes + 64;
		t->data = grow(t->data, t->room);
	}
	if (bytes)
		memcpy(t->data + t->bytes, data, bytes);
	t->bytes += bytes;
	t->data[t->bytes] = '\0';
}

void text_vprintf(struct text *t, const char *fmt, va_list args)
{
	char *formatted;
	int bytes = vasprintf(&formatted, fmt, args);

	if (bytes < 0)
		report_out_of_memory();
	text_append(t, formatted, (size_t)bytes);
	free(formatted);
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_vprintf(t, fmt, args);
	va_end(args);
}

void text_append_qemu(struct text *t, const char *value)
{
	for (; *value; value++)
		text_append(t, *value == ',' ? ",," : value, *value == ',' ? 2 : 1);
}

void text_cut(struct text *t, size_t bytes)
{
	t->bytes = bytes;
	if (t->data)
		t->data[bytes] = '\0';
}

const char *text_get(const struct text *t)
{
	return t->data ? t->data : "";
}

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){ 0 };
}

/* Takes `item`, which came from malloc. */
static void strings_take(struct strings *s, char *item)
{
	if (!item)
		report_out_of_memory();
	if (s->count + 1 >= s->room) {
		s->room = 2 * s->room + 8;
		s->items = grow(s->items, s->room * sizeof *s->items);
	}
	s->items[s->count++] = item;
	s->items[s->count] = NULL;
}

void strings_add(struct strings *s, const char *item)
{
	strings_take(s, strdup(item));
}

void strings_printf(struct strings *s, const char *fmt, ...)
{
	char *item = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&item, fmt, args) < 0)
		item = NULL;
	va_end(args);
	strings_take(s, item);
}

void strings_free(struct strings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i]);
	free(s->items);
	*s = (struct strings){ 0 };
}

char *format_string(const char *fmt, ...)
{
	char *formatted = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&formatted, fmt, args) < 0)
		report_out_of_memory();
	va_end(args);
	return formatted;
}
