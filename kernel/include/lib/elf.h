/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ELF executables for x86-64 (System V ABI, "Object Files" and "Program Loading"; its AMD64 supplement): reading and checking
 * the header and program headers of a file that anyone may have made. Nothing is loaded here. Usable on the host.
 *
 *	elf_read_header(source, &header)    what kind of file it is, and how large its program headers are
 *	elf_read_table(source, &header, table, &image)    into the caller's memory, all of it checked
 *
 * After both every loadable segment is known to lie in the file and within the user half, in order, without overlap.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

enum elf_result {
	ELF_OK,
	ELF_UNREADABLE, /* the file cannot be read; see elf_source.error */
	ELF_NOT_ELF,
	ELF_SCRIPT, /* begins with #! */
	ELF_TRUNCATED,
	ELF_32_BIT,
	ELF_BIG_ENDIAN,
	ELF_OTHER_MACHINE,
	ELF_OTHER_SYSTEM,
	ELF_NOT_EXECUTABLE, /* a relocatable object or core file */
	ELF_BAD_HEADER,
	ELF_BAD_SEGMENT,
	ELF_OVERLAP,
	ELF_OUTSIDE, /* a segment reaches out of the user half */
	ELF_NO_SEGMENTS,
	ELF_BAD_INTERPRETER, /* its name lies outside of the file, or is none */
};

/** A phrase for messages: "is a 32-bit program". */
const char *elf_result_text(enum elf_result result);

struct elf_source {
	/** Copies exactly `bytes` from `offset`; 0 or a negative errno. Only called for what lies in the file. */
	int (*read)(void *context, uint64_t offset, void *dst, size_t bytes);
	void *context;
	uint64_t file_bytes;
	int error; /* what read() said last, if it failed */
};

struct elf_header {
	bool position_independent; /* ET_DYN */
	uint64_t entry;
	uint64_t table_offset;
	unsigned table_count; /* program headers of sizeof(struct elf_phdr) */
};

/** As in the file. */
struct elf_phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, file_bytes, memory_bytes, alignment;
};
_Static_assert(sizeof(struct elf_phdr) == 56, "Elf64_Phdr");

enum { ELF_LOAD = 1, ELF_INTERPRETER = 3, ELF_PHDR = 6, ELF_STACK = 0x6474e551 };
enum { ELF_INTERPRETER_BYTES_MAX = 4096 }; /* with its NUL: Linux's PATH_MAX */
enum { ELF_EXECUTE = 1, ELF_WRITE = 2, ELF_READ = 4 };

struct elf_image {
	uint64_t low, high;    /* pages that the segments span, as linked: [low, high) */
	uint64_t end;          /* behind the last byte */
	uint64_t alignment;    /* largest that a segment asks for */
	uint64_t table_vaddr;  /* where the program headers will be, as linked; 0: in no segment */
	uint64_t memory_bytes; /* sum of the segments' pages */
	uint64_t interpreter_offset; /* of the name of its interpreter, in the file */
	uint64_t interpreter_bytes;  /* with its NUL; 0: a static program */
	bool executable_stack;       /* PT_GNU_STACK asks for one */
};

enum elf_result elf_read_header(struct elf_source *source, struct elf_header *out);

/** `table` has room for out->table_count entries. `user_min`, `user_max` bound what segments may cover; for a
 * position-independent file only its span is checked against them. */
enum elf_result elf_read_table(struct elf_source *source, const struct elf_header *header,
			       uint64_t user_min, uint64_t user_max, struct elf_phdr *table,
			       struct elf_image *out);
