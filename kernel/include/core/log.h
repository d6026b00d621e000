/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where kernel messages (<base/log.h>) go. Until a sink is set they are kept, as many as fit in 2 KiB: the first ones, since
 * they tell most. Any context.
 */
#pragma once

#include <base/compiler.h>
#include <base/log.h>
#include <base/types.h>

/** Takes whole lines, each ending in one newline. Any context; must not log. */
typedef void log_sink(const char *bytes, size_t count);

/** From now on lines go to `sink`, the kept ones first, as far as the level shows them. NULL: keep them again. */
void log_set_sink(log_sink *sink);

/** For a panic, which may come while a message is being written: the next one does not wait. */
void log_break_lock(void);

/** Reads `loglevel=`, `debug` and `quiet`. Once params_parse() has been called, and before log_set_sink(). As in Linux
 * `loglevel=N` shows what is more urgent than N; but an error is always shown. */
void log_read_params(void);

/** Messages above this level are dropped; at first LOG_ERROR. */
void log_set_level(enum log_level level);
enum log_level log_level(void);
