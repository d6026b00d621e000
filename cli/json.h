/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes JSON (RFC 8259), one member a line, as people like to read it. Within an object each value has a key, within an array
 * none (NULL).
 */
#pragma once

#include "text.h"

#include <stdbool.h>
#include <stdint.h>

struct json {
	struct text *out;
	unsigned depth;
	bool begun; /* the innermost object or array has something in it */
};

/** `key` is NULL for the outermost object. */
void json_open(struct json *j, const char *key, char bracket);
/** `bracket` is the closing one; after the outermost one there is a newline. */
void json_close(struct json *j, char bracket);
/** A string as bytes: what is not ASCII stays as it is. */
void json_string(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
