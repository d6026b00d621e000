/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes are a file: nothing beyond it is read, and what passes the checks can be mapped without more of them. */
#include <lib/elf.h>

#include <base/assert.h>
#include <base/bits.h>

#include <stdlib.h>
#include <string.h>

#define LOW ((uint64_t)0x10000)
#define HIGH (((uint64_t)1 << 47) - 0x1000)

struct file {
	const uint8_t *data;
	size_t size;
};

static int read_file(void *context, uint64_t offset, void *dst, size_t bytes)
{
	const struct file *file = context;

	assert(range_fits(offset, bytes, file->size));
	memcpy(dst, file->data + offset, bytes);
	return 0;
}

static void check_image(const struct elf_header *header, const struct elf_phdr *table,
			const struct elf_image *image, size_t size)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < header->table_count; i++) {
		const struct elf_phdr *p = &table[i];

		if (p->type != ELF_LOAD || !p->memory_bytes)
			continue;
		assert(p->vaddr >= end && p->vaddr + p->memory_bytes <= HIGH);
		assert(range_fits(p->offset, p->file_bytes, size));
		assert(p->file_bytes <= p->memory_bytes);
		end = p->vaddr + p->memory_bytes;
	}
	assert(image->end == end && image->low < image->high && image->high <= HIGH);
	assert(header->position_independent || image->low >= LOW);
	assert(range_fits(image->interpreter_offset, image->interpreter_bytes, size));
	assert(image->interpreter_bytes <= ELF_INTERPRETER_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file file = { data, size };
	struct elf_source source = { read_file, &file, size, 0 };
	struct elf_header header;
	struct elf_image image;

	enum elf_result r = elf_read_header(&source, &header);
	if (r != ELF_OK)
		return elf_result_text(r) == NULL;
	struct elf_phdr *table = malloc(header.table_count * sizeof(*table));
	if (elf_read_table(&source, &header, LOW, HIGH, table, &image) == ELF_OK)
		check_image(&header, table, &image, size);
	free(table);
	return 0;
}
