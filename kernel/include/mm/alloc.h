/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernel memory below a page's size: object caches (slabs), and mem_alloc() for sizes known at run time. Zero-size requests
 * and NULL frees are allowed. Any context.
 */
#pragma once

#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>
#include <core/lock.h>

struct cache {
	const char *name;
	uint32_t object_bytes, align;
	uint32_t stride_bytes,
		first; /* between objects; offset of the first. 0: each object has pages of its own */
	struct spinlock lock;
	struct list_node partial; /* [lock] slabs with a free object */
	uint64_t in_use;          /* [lock] objects */
};

/** `align` a power of two up to 4096; object_bytes up to 2048. Never allocates itself. */
void cache_init(struct cache *cache, const char *name, size_t object_bytes, size_t align);
void *cache_alloc(struct cache *cache) __attribute__((malloc));
void cache_free(struct cache *cache, void *object);

/** 16-byte aligned; from a page up, page aligned. NULL: no memory. mem_zalloc() clears. */
void *mem_alloc(size_t bytes) __attribute__((malloc));
void *mem_zalloc(size_t bytes) __attribute__((malloc));
void *mem_resize(void *p, size_t bytes); /* like realloc */
void mem_free(void *p);
char *mem_strdup(const char *s);
