/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's command line, in Linux's form: words separated by white space, double quotes around spaces; `name` or
 * `name=value`; after a word ` -- ` come the program's arguments. `-` and `_` are the same in a name. Words that VMMs append are
 * recognised wherever they stand. Parsed once into memory that stays for ever. Any context after params_parse();
 * before it, there are no parameters.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/** Whether a flag is given in an unparsed line: params_flag() for code that runs before relocation and memory (nokaslr). Uses no
 * static data. `line` may be NULL where `bytes` is 0. */
bool params_early_flag(const char *line, size_t bytes, const char *name);

/** How much memory params_parse() needs for this line: twice its length, and a pointer or two for each word. */
size_t params_memory_bytes(const char *line, size_t bytes);

/** Parses. `memory` has the size that params_memory_bytes() told, is aligned for pointers and handed over for ever; the line
 * is not kept. Nothing in a line is refused: unbalanced quotes, NULs (taken as spaces) and control characters are warned about. */
void params_parse(const char *line, size_t bytes, void *memory);

/** The value of the last `name=value`; "" for a bare `name`; NULL where it does not occur. */
const char *params_get(const char *name);

/** Whether `name` occurs (bare, or with a value that is not 0, n, off or false). The last one counts. */
bool params_flag(const char *name);

/** The number in `name=`, decimal or 0x, times 1024 for each step of a suffix K, M, G; `fallback` where absent or
 * unreadable (which is logged). */
uint64_t params_number(const char *name, uint64_t fallback);

/** Reads a number as params_number() does and moves *text behind it; false, *text unmoved, where there is none or it does not
 * fit. For values that have more than one (`virtio_mmio.device=4K@0xd0000000:5`). */
bool must_check params_read_number(const char **text, uint64_t *out);

/** Calls fn for every `name=value` in order. */
void params_each(const char *name, void (*fn)(void *context, const char *value), void *context);

/** The program's arguments (after ` -- `) and environment (words `NAME=value` no part of the kernel knows and Linux would
 * hand on). NULL-terminated. */
char *const *params_args(void);
char *const *params_env(void);

/** The whole line as it was given, without secrets (seed=), for /proc/cmdline. */
const char *params_line(void);
