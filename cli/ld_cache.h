/* SPDX-License-Identifier: BSD-3-Clause */
/* The loader's cache of libraries, as glibc's ldconfig writes it to /etc/ld.so.cache (glibc, sysdeps/generic/dl-cache.h). */
#pragma once

#include "text.h"

#include <stddef.h>

/**
 * Adds the paths of the x86-64 libraries called `name`, also those in subdirectories for certain processors. A damaged
 * cache gives what can be read of it.
 */
void ld_cache_find(const void *cache, size_t bytes, const char *name, struct strings *paths);

/** Makes a cache of libraries, one path for each name, for a loader to read. */
void ld_cache_make(const struct strings *names, const struct strings *paths, struct text *out);
