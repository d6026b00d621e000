/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The format "glibc-ld.so.cache1.1": a header, entries, strings at offsets from the header. A file may begin with the
 * older format, "ld.so-1.7.0", and have the newer one behind its entries. All numbers are the processor's.
 */
#include "ld_cache.h"

#include "report.h"

#include <base/assert.h>
#include <base/bits.h>

#include <stdint.h>
#include <stdlib.h>
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

enum { FLAGS_X86_64_LIBC6 = 0x0303, HEADER_LITTLE_ENDIAN = 2 };
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

/* Numbers in names count as such (glibc, elf/dl-cache.c, _dl_cache_libcmp()): the loader searches by this order. */
static int compare_names(const char *a, const char *b)
{
	while (*a) {
		bool a_digit = *a >= '0' && *a <= '9', b_digit = *b >= '0' && *b <= '9';

		if (a_digit != b_digit)
			return a_digit ? 1 : -1;
		if (a_digit) {
			long a_number = strtol(a, (char **)&a, 10);
			long b_number = strtol(b, (char **)&b, 10);

			if (a_number != b_number)
				return a_number < b_number ? -1 : 1;
		} else if (*a != *b) {
			return *a - *b;
		} else {
			a++;
			b++;
		}
	}
	return *a - *b;
}

struct named {
	const char *name, *path;
};

/* The last one comes first. */
static int compare_named(const void *a, const void *b)
{
	return compare_names(((const struct named *)b)->name, ((const struct named *)a)->name);
}

void ld_cache_make(const struct strings *names, const struct strings *paths, struct text *out)
{
	struct header header = { .count = (uint32_t)names->count, .flags = HEADER_LITTLE_ENDIAN };
	struct named *sorted = calloc(names->count + 1, sizeof *sorted);
	size_t strings_at = sizeof header + names->count * sizeof(struct entry);
	struct text strings = { 0 };

	if (!sorted)
		report_out_of_memory();
	for (size_t i = 0; i < names->count; i++)
		sorted[i] = (struct named){ names->items[i], paths->items[i] };
	qsort(sorted, names->count, sizeof *sorted, compare_named);
	text_append(out, &header, sizeof header);
	for (size_t i = 0; i < names->count; i++) {
		struct entry entry = { .flags = FLAGS_X86_64_LIBC6 };

		entry.key = (uint32_t)(strings_at + strings.bytes);
		text_append(&strings, sorted[i].name, strlen(sorted[i].name) + 1);
		entry.value = (uint32_t)(strings_at + strings.bytes);
		text_append(&strings, sorted[i].path, strlen(sorted[i].path) + 1);
		text_append(out, &entry, sizeof entry);
	}
	memcpy(header.magic, magic, sizeof header.magic);
	header.string_bytes = (uint32_t)strings.bytes;
	memcpy(out->data, &header, sizeof header);
	text_append(out, text_get(&strings), strings.bytes);
	text_free(&strings);
	free(sorted);
}
