/* SPDX-License-Identifier: BSD-3-Clause */
/* The lines of the kernel's self-test as a table. See selftest_report.h. */
#include "selftest_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "selftest: "
enum { CHECK_COLUMNS = 22 };

static void show_row(const char *word, const char *check, size_t check_bytes, const char *text)
{
	printf("%-5s %-*.*s %s\n", word, CHECK_COLUMNS, (int)check_bytes, check, text);
	fflush(stdout);
}

static void count(struct selftest_report *r, const char *word)
{
	if (!strcmp(word, "ok"))
		r->passed++;
	else if (!strcmp(word, "skip"))
		r->skipped++;
	else
		r->failed++;
}

static void add_row(struct selftest_report *r, const char *word, const char *check,
		    size_t check_bytes, const char *text)
{
	count(r, word);
	strings_printf(&r->outcomes, "%s %.*s", word, (int)check_bytes, check);
	show_row(word, check, check_bytes, text);
}

void selftest_add_row(struct selftest_report *r, bool well, const char *check, const char *fmt, ...)
{
	struct text text = { 0 };
	va_list args;

	va_start(args, fmt);
	text_vprintf(&text, fmt, args);
	va_end(args);
	add_row(r, well ? "ok" : "FAIL", check, strlen(check), text_get(&text));
	text_free(&text);
}

/* "ok CHECK: TEXT" and the like. */
static bool take_outcome(struct selftest_report *r, const char *line)
{
	static const char *const words[] = { "ok", "FAIL", "skip" };

	for (size_t i = 0; i < countof(words); i++) {
		size_t length = strlen(words[i]);
		const char *check = line + length + 1, *colon;

		if (strncmp(line, words[i], length) || line[length] != ' ')
			continue;
		colon = strstr(check, ": ");
		if (!colon)
			return false;
		add_row(r, words[i], check, (size_t)(colon - check), colon + 2);
		return true;
	}
	return false;
}

static bool is_name(const char *line, size_t bytes)
{
	return bytes &&
	       strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       bytes;
}

void selftest_take_line(struct selftest_report *r, const char *line)
{
	const char *own = line + strlen(PREFIX);

	if (strncmp(line, PREFIX, strlen(PREFIX))) {
		if (*line)
			fprintf(stderr, "%s\n", line);
	} else if (!strcmp(own, "ready")) {
		r->ready = true;
	} else if (!strncmp(own, "result=", 7)) {
		r->ended = true;
		r->ended_well = !strncmp(own, "result=ok ", 10);
	} else if (!strncmp(own, "beat=", 5)) {
		puts(own);
		fflush(stdout);
	} else if (is_name(own, strcspn(own, "="))) {
		strings_add(&r->values, own);
	} else if (!take_outcome(r, own)) {
		puts(own);
	}
}

const char *selftest_value(const struct selftest_report *r, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = r->values.count; i-- > 0;) {
		const char *value = r->values.items[i];

		if (!strncmp(value, name, length) && value[length] == '=')
			return value + length + 1;
	}
	return NULL;
}

bool selftest_has(const struct selftest_report *r, const char *outcome)
{
	for (size_t i = 0; i < r->outcomes.count; i++)
		if (!strcmp(r->outcomes.items[i], outcome))
			return true;
	return false;
}

void selftest_show_counts(const struct selftest_report *r)
{
	printf("%u passed, %u failed, %u skipped\n", r->passed, r->failed, r->skipped);
	fflush(stdout);
}

void selftest_report_free(struct selftest_report *r)
{
	strings_free(&r->values);
	strings_free(&r->outcomes);
}
