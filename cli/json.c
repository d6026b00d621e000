/* SPDX-License-Identifier: BSD-3-Clause */
/* A writer of JSON. */
#include "json.h"

static void quote(struct text *out, const char *value)
{
	text_append(out, "\"", 1);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\')
			text_append(out, "\\", 1);
		if (c < ' ')
			text_printf(out, "\\u%04x", c);
		else
			text_append(out, value, 1);
	}
	text_append(out, "\"", 1);
}

static void new_line(struct json *j)
{
	text_printf(j->out, "\n%*s", (int)(2 * j->depth), "");
}

/* What stands before a value. */
static void begin(struct json *j, const char *key)
{
	if (j->begun)
		text_append(j->out, ",", 1);
	if (j->depth)
		new_line(j);
	j->begun = true;
	if (!key)
		return;
	quote(j->out, key);
	text_append(j->out, ": ", 2);
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	text_append(j->out, &bracket, 1);
	j->depth++;
	j->begun = false;
}

void json_close(struct json *j, char bracket)
{
	j->depth--;
	if (j->begun)
		new_line(j);
	text_append(j->out, &bracket, 1);
	j->begun = true;
	if (!j->depth)
		text_append(j->out, "\n", 1);
}

void json_string(struct json *j, const char *key, const char *value)
{
	begin(j, key);
	quote(j->out, value);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	text_printf(j->out, "%llu", (unsigned long long)value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	text_printf(j->out, value ? "true" : "false");
}
