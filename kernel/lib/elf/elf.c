/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads and checks ELF headers: see <lib/elf.h>. The field names follow the specification's order. */
#include <lib/elf.h>

#include <base/assert.h>
#include <base/bits.h>
#include <base/string.h>

struct elf_ehdr {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
static_assert(sizeof(struct elf_ehdr) == 64, "Elf64_Ehdr");

enum { IDENT_CLASS = 4, IDENT_DATA, IDENT_VERSION, IDENT_OSABI };
enum { CLASS_32 = 1, CLASS_64 = 2, DATA_LITTLE = 1, DATA_BIG = 2, VERSION_CURRENT = 1 };
enum { OSABI_NONE = 0, OSABI_LINUX = 3 };
enum { TYPE_EXEC = 2, TYPE_DYN = 3, MACHINE_X86_64 = 62 };
enum { TABLE_BYTES_MAX = 65536 }; /* as Linux: load_elf_phdrs() */

static const char *const texts[] = {
	[ELF_OK] = "is a program",
	[ELF_UNREADABLE] = "cannot be read",
	[ELF_NOT_ELF] = "is not an ELF program",
	[ELF_SCRIPT] = "is a script, not an ELF program",
	[ELF_TRUNCATED] = "is truncated",
	[ELF_32_BIT] = "is a 32-bit program; only x86-64 programs run",
	[ELF_BIG_ENDIAN] = "is a big-endian program; only x86-64 programs run",
	[ELF_OTHER_MACHINE] = "is a program for another machine; only x86-64 programs run",
	[ELF_OTHER_SYSTEM] = "is a program for another operating system",
	[ELF_NOT_EXECUTABLE] = "is an ELF file, but not an executable one",
	[ELF_BAD_HEADER] = "has a damaged ELF header",
	[ELF_BAD_SEGMENT] = "has a damaged program header",
	[ELF_OVERLAP] = "has segments that overlap or are out of order",
	[ELF_OUTSIDE] = "has a segment outside of a program's address space",
	[ELF_NO_SEGMENTS] = "has nothing to load",
	[ELF_BAD_INTERPRETER] = "has a damaged name of its interpreter",
};

const char *elf_result_text(enum elf_result result)
{
	return (unsigned)result < countof(texts) ? texts[result] : "is not usable";
}

static enum elf_result read_exactly(struct elf_source *source, uint64_t offset, void *dst,
				    size_t bytes)
{
	if (!range_fits(offset, bytes, source->file_bytes))
		return ELF_TRUNCATED;
	source->error = source->read(source->context, offset, dst, bytes);
	return source->error ? ELF_UNREADABLE : ELF_OK;
}

static enum elf_result check_ident(const struct elf_ehdr *e, size_t bytes)
{
	static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };

	if (bytes >= 2 && e->ident[0] == '#' && e->ident[1] == '!')
		return ELF_SCRIPT;
	if (bytes < sizeof(magic) || memcmp(e->ident, magic, sizeof(magic)))
		return ELF_NOT_ELF;
	if (bytes < sizeof(e->ident))
		return ELF_TRUNCATED;
	if (e->ident[IDENT_DATA] == DATA_BIG)
		return ELF_BIG_ENDIAN;
	if (e->ident[IDENT_CLASS] == CLASS_32)
		return ELF_32_BIT;
	if (e->ident[IDENT_CLASS] != CLASS_64 || e->ident[IDENT_DATA] != DATA_LITTLE ||
	    e->ident[IDENT_VERSION] != VERSION_CURRENT)
		return ELF_BAD_HEADER;
	return bytes < sizeof(*e) ? ELF_TRUNCATED : ELF_OK;
}

static enum elf_result check_header(const struct elf_ehdr *e)
{
	if (e->machine != MACHINE_X86_64)
		return ELF_OTHER_MACHINE;
	if (e->ident[IDENT_OSABI] != OSABI_NONE && e->ident[IDENT_OSABI] != OSABI_LINUX)
		return ELF_OTHER_SYSTEM;
	if (e->type != TYPE_EXEC && e->type != TYPE_DYN)
		return ELF_NOT_EXECUTABLE;
	if (e->version != VERSION_CURRENT || e->phentsize != sizeof(struct elf_phdr) ||
	    e->phnum > TABLE_BYTES_MAX / sizeof(struct elf_phdr))
		return ELF_BAD_HEADER;
	return e->phnum ? ELF_OK : ELF_NO_SEGMENTS;
}

enum elf_result elf_read_header(struct elf_source *source, struct elf_header *out)
{
	struct elf_ehdr e;
	size_t bytes = source->file_bytes < sizeof(e) ? (size_t)source->file_bytes : sizeof(e);

	memset(&e, 0, sizeof(e));
	enum elf_result r = read_exactly(source, 0, &e, bytes);
	if (!r)
		r = check_ident(&e, bytes);
	if (!r)
		r = check_header(&e);
	if (r)
		return r;
	if (!range_fits(e.phoff, (uint64_t)e.phnum * sizeof(struct elf_phdr), source->file_bytes))
		return ELF_TRUNCATED;
	*out = (struct elf_header){
		.position_independent = e.type == TYPE_DYN,
		.entry = e.entry,
		.table_offset = e.phoff,
		.table_count = e.phnum,
	};
	return ELF_OK;
}

/* One PT_LOAD by itself, and after the segments so far (the ABI has them in ascending order of address). */
static enum elf_result check_segment(const struct elf_source *source, const struct elf_phdr *p,
				     uint64_t user_max, const struct elf_image *image)
{
	uint64_t end;

	if (p->file_bytes > p->memory_bytes || (p->offset - p->vaddr) % PAGE_SIZE)
		return ELF_BAD_SEGMENT;
	if (p->alignment > 1 && !is_pow2(p->alignment))
		return ELF_BAD_SEGMENT;
	if (add_overflows(p->vaddr, p->memory_bytes, &end) || end > user_max)
		return ELF_OUTSIDE;
	if (!range_fits(p->offset, p->file_bytes, source->file_bytes))
		return ELF_TRUNCATED;
	/* Two segments may share a page: the later one's view of the file is what is mapped there. */
	return image->high && p->vaddr < image->end ? ELF_OVERLAP : ELF_OK;
}

static void add_segment(struct elf_image *image, const struct elf_header *header,
			const struct elf_phdr *p)
{
	uint64_t start = align_down(p->vaddr, PAGE_SIZE);

	if (!image->high)
		image->low = start;
	image->end = p->vaddr + p->memory_bytes;
	image->high = align_up(image->end, PAGE_SIZE);
	image->memory_bytes += image->high - start;
	image->alignment = max(image->alignment, p->alignment);

	uint64_t table_bytes = (uint64_t)header->table_count * sizeof(*p);

	if (header->table_offset >= p->offset &&
	    range_fits(header->table_offset - p->offset, table_bytes, p->file_bytes))
		image->table_vaddr = p->vaddr + (header->table_offset - p->offset);
}

/* What is told by headers that are not loaded. Of several interpreters the first counts, as on Linux. */
static enum elf_result note_header(const struct elf_source *source, const struct elf_phdr *p,
				   struct elf_image *image)
{
	if (p->type == ELF_STACK)
		image->executable_stack = p->flags & ELF_EXECUTE;
	if (p->type != ELF_INTERPRETER || image->interpreter_bytes)
		return ELF_OK;
	if (p->file_bytes < 2 || p->file_bytes > ELF_INTERPRETER_BYTES_MAX ||
	    !range_fits(p->offset, p->file_bytes, source->file_bytes))
		return ELF_BAD_INTERPRETER;
	image->interpreter_offset = p->offset;
	image->interpreter_bytes = p->file_bytes;
	return ELF_OK;
}

enum elf_result elf_read_table(struct elf_source *source, const struct elf_header *header,
			       uint64_t user_min, uint64_t user_max, struct elf_phdr *table,
			       struct elf_image *out)
{
	enum elf_result r = read_exactly(source, header->table_offset, table,
					 header->table_count * sizeof(*table));

	*out = (struct elf_image){ .alignment = PAGE_SIZE };
	for (unsigned i = 0; !r && i < header->table_count; i++) {
		const struct elf_phdr *p = &table[i];

		r = note_header(source, p, out);
		if (r || p->type != ELF_LOAD || !p->memory_bytes)
			continue;
		r = check_segment(source, p, user_max, out);
		if (!r)
			add_segment(out, header, p);
	}
	if (r)
		return r;
	if (!out->high)
		return ELF_NO_SEGMENTS;
	if (!header->position_independent && out->low < user_min)
		return ELF_OUTSIDE;
	if (out->high - out->low > user_max - user_min || out->alignment > BIT64(40))
		return ELF_OUTSIDE;
	return ELF_OK;
}
