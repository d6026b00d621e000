/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The format "glibc-ld.so.cache1.1": a header, entries, strings at offsets from the header. A file may begin with the
 * older format, "ld.so-1.7.0", and have the newer one behind its entries. All numbers are the processor's.
 */
#include "ld_cache.h"

#include <base/assert.h>
#include <base/bits.h>

#include <stdint.h>
#include <string.h>

struct old_header {
	char magic[12]; /* with its NUL */
	uint32_t count;
};
enum { OLD_ENTRY_BYTES = 12 };

struct header {
	char magic[20]; /* with the version, without a NUL */
	uint32_t count;
	uint32_t string_bytes;
	uint8_t flags, padding[3];
	uint32_t extension;
	uint32_t reserved[3];
};
static_assert(sizeof(struct header) == 48, "struct cache_file_new");

struct entry {
	int32_t flags;
	uint32_t key, value;
	uint32_t osversion;
	uint64_t hwcap;
};
static_assert(sizeof(struct entry) == 24, "struct file_entry_new");

enum { FLAGS_X86_64_LIBC6 = 0x0303 };
static const char old_magic[12] = "ld.so-1.7.0";
static const char magic[] = "glibc-ld.so.cache1.1";

/* What lies behind the entries of the older format, if the file has that. */
static size_t skip_old(const char *cache, size_t bytes)
{
	struct old_header old;

	if (bytes < sizeof old || memcmp(cache, old_magic, sizeof old_magic))
		return 0;
	memcpy(&old, cache, sizeof old);
	return align_up(sizeof old + (uint64_t)old.count * OLD_ENTRY_BYTES, _Alignof(struct entry));
}

/* NULL: not a string that ends in the cache. */
static const char *string_at(const char *cache, size_t bytes, uint32_t offset)
{
	if (offset >= bytes || !memchr(cache + offset, '\0', bytes - offset))
		return NULL;
	return cache + offset;
}

void ld_cache_find(const void *file, size_t bytes, const char *name, struct strings *paths)
{
	struct header header;
	size_t skipped = skip_old(file, bytes);

	if (!range_fits(skipped, sizeof header, bytes))
		return;
	const char *cache = (const char *)file + skipped;
	bytes -= skipped;
	memcpy(&header, cache, sizeof header);
	if (memcmp(header.magic, magic, sizeof header.magic))
		return;
	uint64_t count = min((uint64_t)header.count,
			     (bytes - sizeof header) / sizeof(struct entry));
	for (uint64_t i = 0; i < count; i++) {
		struct entry entry;

		memcpy(&entry, cache + sizeof header + i * sizeof entry, sizeof entry);
		if (entry.flags != FLAGS_X86_64_LIBC6)
			continue;
		const char *key = string_at(cache, bytes, entry.key);
		const char *value = string_at(cache, bytes, entry.value);
		if (key && value && value[0] == '/' && !strcmp(key, name))
			strings_add(paths, value);
	}
}
