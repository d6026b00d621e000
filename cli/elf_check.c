/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The checks of a program file (System V ABI, chapter 4 and 5; x86-64 supplement). They say in the
 * user's words what the kernel would refuse; the kernel trusts none of it and checks again.
 */
#include "elf_check.h"

#include <base/bits.h>

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The first address that no program may have: the last page below the kernel's half is the guard. */
#define USER_END UINT64_C(0x7ffffffff000)

static int refuse(struct elf_facts *facts, const char *fmt, ...) printf_like(2, 3);

static int refuse(struct elf_facts *facts, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(facts->why, sizeof facts->why, fmt, args);
	va_end(args);
	return -ENOEXEC;
}

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_386, "32-bit x86" },     { EM_ARM, "32-bit ARM" },
		{ EM_AARCH64, "64-bit ARM" }, { EM_RISCV, "RISC-V" },
		{ EM_PPC, "32-bit PowerPC" }, { EM_PPC64, "64-bit PowerPC" },
		{ EM_S390, "IBM Z" },         { EM_MIPS, "MIPS" },
		{ EM_SPARCV9, "SPARC" },      { EM_LOONGARCH, "LoongArch" },
	};

	for (size_t i = 0; i < countof(names); i++) {
		if (names[i].machine == machine)
			return names[i].name;
	}
	return NULL;
}

static int refuse_machine(unsigned machine, struct elf_facts *facts)
{
	const char *name = machine_name(machine);

	if (name)
		return refuse(facts, "a program for %s; only x86-64 programs run", name);
	return refuse(facts,
		      "a program for another processor (ELF machine %u); only x86-64 programs run",
		      machine);
}

static int check_magic(const char *file, size_t bytes, struct elf_facts *facts)
{
	if (!bytes)
		return refuse(facts, "the file is empty");
	if (bytes < SELFMAG || memcmp(file, ELFMAG, SELFMAG))
		return refuse(facts, "not an ELF program");
	if (bytes < EI_NIDENT + 2 * sizeof(uint16_t))
		return refuse(facts, "a truncated ELF file (%zu bytes)", bytes);
	return 0;
}

static int check_kind(const char *file, struct elf_facts *facts)
{
	uint16_t type, machine;

	if (file[EI_DATA] == ELFDATA2MSB)
		return refuse(facts,
			      "a program for a big-endian processor; only x86-64 programs run");
	memcpy(&type, file + EI_NIDENT, sizeof type);
	memcpy(&machine, file + EI_NIDENT + sizeof type, sizeof machine);
	if (file[EI_CLASS] == ELFCLASS32 && machine == EM_X86_64)
		return refuse(facts, "a program for the x32 ABI; only 64-bit x86-64 programs run");
	if (machine != EM_X86_64)
		return refuse_machine(machine, facts);
	if (file[EI_CLASS] != ELFCLASS64 || file[EI_DATA] != ELFDATA2LSB)
		return refuse(facts, "a damaged ELF file (its class is not 64-bit little-endian)");
	switch (type) {
	case ET_EXEC:
	case ET_DYN:
		return 0;
	case ET_REL:
		return refuse(facts, "an object file, not a program: link it first");
	case ET_CORE:
		return refuse(facts, "a core dump, not a program");
	default:
		return refuse(facts, "not a program (ELF type %u)", type);
	}
}

static int check_header(const Elf64_Ehdr *header, size_t bytes, struct elf_facts *facts)
{
	uint64_t table_bytes = (uint64_t)header->e_phnum * sizeof(Elf64_Phdr);

	if (header->e_version != EV_CURRENT)
		return refuse(facts, "a damaged ELF file (version %u)", header->e_version);
	if (!header->e_phnum)
		return refuse(facts, "not a program: it has no program headers");
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == PN_XNUM)
		return refuse(facts, "a damaged ELF file (its program headers have a wrong size)");
	if (!range_fits(header->e_phoff, table_bytes, bytes))
		return refuse(facts, "a truncated ELF file (its program headers are missing)");
	return 0;
}

/* A segment to load, by itself. */
static int check_segment(const Elf64_Phdr *segment, size_t bytes, struct elf_facts *facts)
{
	if (!range_fits(segment->p_offset, segment->p_filesz, bytes))
		return refuse(facts, "a truncated ELF file: %zu bytes, but a segment ends at %llu",
			      bytes, (unsigned long long)(segment->p_offset + segment->p_filesz));
	if (segment->p_filesz > segment->p_memsz)
		return refuse(
			facts,
			"a damaged ELF file (a segment is larger in the file than in memory)");
	if ((segment->p_offset ^ segment->p_vaddr) & (PAGE_SIZE - 1))
		return refuse(facts,
			      "a damaged ELF file (segment at %#llx does not fit its file offset)",
			      (unsigned long long)segment->p_vaddr);
	if (!range_fits(segment->p_vaddr, segment->p_memsz, USER_END))
		return refuse(facts,
			      "its segment at %#llx reaches into the kernel's half of memory",
			      (unsigned long long)segment->p_vaddr);
	return 0;
}

/* What is known of the segments so far. */
struct layout {
	uint64_t end;
	bool any, entry_found;
};

/* A segment to load, beside those before it: the standard wants ascending addresses. */
static int place_segment(const Elf64_Phdr *segment, uint64_t entry, struct layout *layout,
			 struct elf_facts *facts)
{
	uint64_t end = segment->p_vaddr + segment->p_memsz;

	if (layout->any && segment->p_vaddr < layout->end)
		return refuse(facts, "its segments overlap or are out of order at %#llx",
			      (unsigned long long)segment->p_vaddr);
	layout->any = true;
	layout->end = end;
	if ((segment->p_flags & PF_X) && entry >= segment->p_vaddr && entry < end)
		layout->entry_found = true;
	if (segment->p_flags & PF_W)
		facts->writable_bytes += align_up(end, PAGE_SIZE) -
					 align_down(segment->p_vaddr, PAGE_SIZE);
	return 0;
}

static int check_segments(const char *file, size_t bytes, const Elf64_Ehdr *header,
			  struct elf_facts *facts)
{
	struct layout layout = { 0 };

	for (unsigned i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr segment;

		memcpy(&segment, file + header->e_phoff + i * sizeof segment, sizeof segment);
		if (segment.p_type != PT_LOAD || !segment.p_memsz)
			continue;
		int err = check_segment(&segment, bytes, facts);
		if (!err)
			err = place_segment(&segment, header->e_entry, &layout, facts);
		if (err)
			return err;
	}
	if (!layout.any)
		return refuse(facts, "not a program: it has nothing to load");
	if (header->e_type == ET_DYN && !header->e_entry)
		return refuse(facts, "a shared library, not a program");
	if (!layout.entry_found)
		return refuse(facts, "its entry point %#llx is not in its code",
			      (unsigned long long)header->e_entry);
	return 0;
}

int elf_check(const void *file, size_t bytes, struct elf_facts *facts)
{
	Elf64_Ehdr header;

	*facts = (struct elf_facts){ 0 };
	int err = check_magic(file, bytes, facts);
	if (!err)
		err = check_kind(file, facts);
	if (err)
		return err;
	if (bytes < sizeof header)
		return refuse(facts, "a truncated ELF file (%zu bytes)", bytes);
	memcpy(&header, file, sizeof header);
	err = check_header(&header, bytes, facts);
	return err ? err : check_segments(file, bytes, &header, facts);
}
