/* SPDX-License-Identifier: BSD-3-Clause */
/* The dynamic section, read from a file as it lies on disk: addresses become offsets by way of the segments. */
#include "elf_dynamic.h"

#include <base/bits.h>

#include <elf.h>
#include <string.h>

struct image {
	const char *file;
	size_t bytes;
	Elf64_Ehdr header;
};

static Elf64_Phdr segment_at(const struct image *i, unsigned index)
{
	Elf64_Phdr segment;

	memcpy(&segment, i->file + i->header.e_phoff + index * sizeof segment, sizeof segment);
	return segment;
}

/* The first segment of this type that lies in the file. */
static bool find_segment(const struct image *i, uint32_t type, Elf64_Phdr *out)
{
	for (unsigned index = 0; index < i->header.e_phnum; index++) {
		*out = segment_at(i, index);
		if (out->p_type == type && range_fits(out->p_offset, out->p_filesz, i->bytes))
			return true;
	}
	return false;
}

/* The bytes from an address to its segment's end in the file; NULL where it is in none. */
static const char *at_address(const struct image *i, uint64_t address, uint64_t *bytes)
{
	for (unsigned index = 0; index < i->header.e_phnum; index++) {
		Elf64_Phdr segment = segment_at(i, index);
		uint64_t within = address - segment.p_vaddr;

		if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
		    within >= segment.p_filesz ||
		    !range_fits(segment.p_offset, segment.p_filesz, i->bytes))
			continue;
		*bytes = segment.p_filesz - within;
		return i->file + segment.p_offset + within;
	}
	return NULL;
}

static const char *read_interpreter(const struct image *i)
{
	Elf64_Phdr segment;

	if (!find_segment(i, PT_INTERP, &segment) || segment.p_filesz < 2)
		return NULL;
	const char *path = i->file + segment.p_offset;
	return memchr(path, '\0', segment.p_filesz) ? path : NULL;
}

static Elf64_Dyn entry_at(const struct elf_dynamic *d, uint64_t index)
{
	Elf64_Dyn entry;

	memcpy(&entry, d->table + index * sizeof entry, sizeof entry);
	return entry;
}

/* NULL: not in the table, or empty. */
static const char *string_at(const struct elf_dynamic *d, uint64_t offset)
{
	if (offset >= d->strings_bytes || !d->strings[offset])
		return NULL;
	return memchr(d->strings + offset, '\0', d->strings_bytes - offset) ? d->strings + offset
									    : NULL;
}

static void read_strings(const struct image *i, struct elf_dynamic *d)
{
	uint64_t address = 0, bytes = 0, room;

	for (uint64_t index = 0; index < d->table_entries; index++) {
		Elf64_Dyn entry = entry_at(d, index);

		if (entry.d_tag == DT_STRTAB)
			address = entry.d_un.d_ptr;
		else if (entry.d_tag == DT_STRSZ)
			bytes = entry.d_un.d_val;
	}
	d->strings = at_address(i, address, &room);
	d->strings_bytes = d->strings ? min(bytes, room) : 0;
}

static void read_entries(struct elf_dynamic *d)
{
	for (uint64_t index = 0; index < d->table_entries; index++) {
		Elf64_Dyn entry = entry_at(d, index);

		switch (entry.d_tag) {
		case DT_RPATH:
			d->rpath = string_at(d, entry.d_un.d_val);
			break;
		case DT_RUNPATH:
			d->runpath = string_at(d, entry.d_un.d_val);
			break;
		case DT_SONAME:
			d->soname = string_at(d, entry.d_un.d_val);
			break;
		case DT_FLAGS_1:
			d->no_default = entry.d_un.d_val & DF_1_NODEFLIB;
			break;
		}
	}
}

static void read_table(const struct image *i, struct elf_dynamic *d)
{
	Elf64_Phdr segment;

	if (!find_segment(i, PT_DYNAMIC, &segment))
		return;
	d->table = i->file + segment.p_offset;
	d->table_entries = segment.p_filesz / sizeof(Elf64_Dyn);
	for (uint64_t index = 0; index < d->table_entries; index++) {
		if (entry_at(d, index).d_tag == DT_NULL)
			d->table_entries = index;
	}
	read_strings(i, d);
	read_entries(d);
}

static bool read_header(struct image *i, const void *file, size_t bytes)
{
	*i = (struct image){ .file = file, .bytes = bytes };
	if (bytes < sizeof i->header)
		return false;
	memcpy(&i->header, file, sizeof i->header);
	if (memcmp(i->header.e_ident, ELFMAG, SELFMAG) || i->header.e_machine != EM_X86_64 ||
	    i->header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    (i->header.e_type != ET_EXEC && i->header.e_type != ET_DYN))
		return false;
	return i->header.e_phentsize == sizeof(Elf64_Phdr) &&
	       range_fits(i->header.e_phoff, (uint64_t)i->header.e_phnum * sizeof(Elf64_Phdr),
			  bytes);
}

bool elf_dynamic_read(const void *file, size_t bytes, struct elf_dynamic *out)
{
	struct image i;

	*out = (struct elf_dynamic){ 0 };
	if (!read_header(&i, file, bytes))
		return false;
	out->interpreter = read_interpreter(&i);
	read_table(&i, out);
	return true;
}

const char *elf_dynamic_needed(const struct elf_dynamic *d, uint64_t *position)
{
	while (*position < d->table_entries) {
		Elf64_Dyn entry = entry_at(d, (*position)++);
		const char *name = entry.d_tag == DT_NEEDED ? string_at(d, entry.d_un.d_val) : NULL;

		if (name)
			return name;
	}
	return NULL;
}

bool elf_dynamic_mentions(const struct elf_dynamic *d, const char *word)
{
	size_t bytes = strlen(word) + 1;

	if (!d->strings)
		return false;
	const char *at = d->strings, *end = at + d->strings_bytes;

	/* A string begins behind the NUL of the one before; the first one is empty. */
	while ((at = memmem(at, (size_t)(end - at), word, bytes))) {
		if (at > d->strings && !at[-1])
			return true;
		at++;
	}
	return false;
}

/* One segment's notes (gABI, "Note Section"; all fields here are aligned to 4). */
static bool segment_has_note(const char *notes, uint64_t bytes, const char *owner)
{
	Elf64_Nhdr note;

	for (uint64_t at = 0; range_fits(at, sizeof note, bytes);) {
		memcpy(&note, notes + at, sizeof note);
		at += sizeof note;
		/* Some count the padding behind the name too. */
		if (note.n_namesz > strlen(owner) && range_fits(at, note.n_namesz, bytes) &&
		    !strncmp(notes + at, owner, note.n_namesz))
			return true;
		at += align_up(note.n_namesz, 4) + align_up(note.n_descsz, 4);
	}
	return false;
}

bool elf_has_note(const void *file, size_t bytes, const char *owner)
{
	struct image i;

	if (!read_header(&i, file, bytes))
		return false;
	for (unsigned index = 0; index < i.header.e_phnum; index++) {
		Elf64_Phdr segment = segment_at(&i, index);

		if (segment.p_type == PT_NOTE &&
		    range_fits(segment.p_offset, segment.p_filesz, bytes) &&
		    segment_has_note(i.file + segment.p_offset, segment.p_filesz, owner))
			return true;
	}
	return false;
}
