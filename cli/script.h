/* SPDX-License-Identifier: BSD-3-Clause */
/* The first line of a script: "#!interpreter argument", as execve(2) reads it, and what env(1) makes of that. */
#pragma once

#include <base/compiler.h>

#include <stdbool.h>
#include <stddef.h>

struct script {
	char *interpreter; /* NULL: the line names none */
	char *argument;    /* the rest of the line; NULL: none */
};

/** Whether it begins with "#!"; then `out` is filled, to be freed. */
bool script_read(const char *file, size_t bytes, struct script *out);
void script_free(struct script *s);

/** The command that env would start with this argument, to be freed; NULL: none. */
char *script_env_command(const char *argument);
