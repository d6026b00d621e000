/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Formatting into a buffer, as C's snprintf does it: %d %i %u %x %X %o %c %s %p %% with the flags
 * "-0+ #", width and precision (also "*"), and the lengths hh h l ll z j t. No floating point.
 * Usable on the host.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <stdarg.h>

/** Returns the length the whole text has; the buffer always ends in NUL unless `size` is 0. */
int format(char *buffer, size_t size, const char *fmt, ...) printf_like(3, 4);
int format_va(char *buffer, size_t size, const char *fmt, va_list args) printf_like(3, 0);
