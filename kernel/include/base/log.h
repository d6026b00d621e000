/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernel messages. Each call is one line (no newline in `fmt`), prefixed "[capuchin] " on the
 * console. Shown by level: `loglevel=` and `debug`/`quiet` on the kernel's command line; by default
 * errors only. Any context; never allocates. Who handles an error logs it, once.
 */
#pragma once

#include <base/compiler.h>

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

void log_message(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_error(...) log_message(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)
