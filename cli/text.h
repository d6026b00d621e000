/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Growing text and lists of strings. Both start as all zeroes, own their memory, and give it back by
 * text_free() and strings_free(). Where the host has no memory left the command ends with a message.
 */
#pragma once

#include <base/compiler.h>

#include <stdarg.h>
#include <stddef.h>

struct text {
	char *data; /* ends in NUL, which `bytes` does not count; NULL while empty */
	size_t bytes, room;
};

void text_append(struct text *t, const void *data, size_t bytes);
void text_printf(struct text *t, const char *fmt, ...) printf_like(2, 3);
void text_vprintf(struct text *t, const char *fmt, va_list args) printf_like(2, 0);
/** Appends a value of one of QEMU's options: a comma ends it there, two are one. */
void text_append_qemu(struct text *t, const char *value);
/** Makes it as short as `bytes`, which it has. */
void text_cut(struct text *t, size_t bytes);
/** The characters, "" while there are none; valid until the next change. */
const char *text_get(const struct text *t);
void text_free(struct text *t);

struct strings {
	char **items; /* ends in NULL; NULL while empty */
	size_t count, room;
};

void strings_add(struct strings *s, const char *item);
void strings_printf(struct strings *s, const char *fmt, ...) printf_like(2, 3);
void strings_free(struct strings *s);

/** The formatted text, which the caller frees. */
char *format_string(const char *fmt, ...) printf_like(1, 2);
