/* SPDX-License-Identifier: BSD-3-Clause */
/* Each way in which a file is no program for the kernel gets its own words. */
#include "elf_check.h"

#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SEGMENTS = 3, FILE_BYTES = 0x3000 };

/* A good program: code, data with bss, and a note; the tests spoil it. */
struct program_file {
	union {
		struct {
			Elf64_Ehdr header;
			Elf64_Phdr segments[SEGMENTS];
		};
		char bytes[FILE_BYTES];
	};
};

static struct program_file good(void)
{
	struct program_file f = { .bytes = { 0 } };

	f.header = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = 0x401000,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = SEGMENTS,
	};
	f.segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				      .p_flags = PF_R | PF_X,
				      .p_offset = 0x1000,
				      .p_vaddr = 0x401000,
				      .p_filesz = 0x1000,
				      .p_memsz = 0x1000 };
	f.segments[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				      .p_flags = PF_R | PF_W,
				      .p_offset = 0x2010,
				      .p_vaddr = 0x403010,
				      .p_filesz = 0x100,
				      .p_memsz = 0x2100 };
	f.segments[2] = (Elf64_Phdr){ .p_type = PT_NOTE };
	return f;
}

static void check_good(const struct program_file *f)
{
	struct elf_facts facts;

	assert_int_equal(elf_check(f->bytes, FILE_BYTES, &facts), 0);
}

static void check_refused_bytes(const void *file, size_t bytes, const char *why)
{
	struct elf_facts facts;

	assert_int_equal(elf_check(file, bytes, &facts), -ENOEXEC);
	if (!strstr(facts.why, why))
		fail_msg("'%s' does not say '%s'", facts.why, why);
}

static void check_refused(const struct program_file *f, const char *why)
{
	check_refused_bytes(f->bytes, FILE_BYTES, why);
}

static void static_programs_pass(void **state)
{
	struct program_file f = good();

	(void)state;
	check_good(&f);
	f.header.e_type = ET_DYN;
	check_good(&f);
}

static void writable_memory_is_counted_in_pages(void **state)
{
	struct program_file f = good();
	struct elf_facts facts;

	(void)state;
	assert_int_equal(elf_check(f.bytes, FILE_BYTES, &facts), 0);
	assert_int_equal(facts.writable_bytes, 0x3000);
}

static void files_that_are_no_elf_are_named(void **state)
{
	(void)state;
	check_refused_bytes(NULL, 0, "empty");
	check_refused_bytes("x", 1, "not an ELF");
	check_refused_bytes("\177ELG", 4, "not an ELF");
	check_refused_bytes("PK\003\004 and so on", 14, "not an ELF");
}

static void other_machines_are_named(void **state)
{
	struct program_file f = good();

	(void)state;
	f.header.e_machine = EM_AARCH64;
	check_refused(&f, "64-bit ARM");
	f.header.e_machine = 60000;
	check_refused(&f, "ELF machine 60000");
	f.header.e_ident[EI_CLASS] = ELFCLASS32;
	f.header.e_machine = EM_386;
	check_refused(&f, "32-bit x86");
	f.header.e_machine = EM_ARM;
	check_refused(&f, "32-bit ARM");
	f.header.e_machine = EM_X86_64;
	check_refused(&f, "x32");
	f.header.e_ident[EI_DATA] = ELFDATA2MSB;
	check_refused(&f, "big-endian");
}

static void other_kinds_are_named(void **state)
{
	struct program_file f = good();

	(void)state;
	f.header.e_type = ET_REL;
	check_refused(&f, "object file");
	f.header.e_type = ET_CORE;
	check_refused(&f, "core dump");
	f.header.e_type = 77;
	check_refused(&f, "type 77");
	f.header.e_type = ET_DYN;
	f.header.e_entry = 0;
	check_refused(&f, "shared library");
	f = good();
	f.segments[2].p_type = PT_INTERP;
	check_good(&f);
}

static void every_truncation_is_refused(void **state)
{
	struct program_file f = good();
	struct elf_facts facts;

	(void)state;
	for (size_t bytes = 0; bytes < 0x2110; bytes++)
		assert_int_equal(elf_check(f.bytes, bytes, &facts), -ENOEXEC);
	assert_int_equal(elf_check(f.bytes, 0x2110, &facts), 0);
	check_refused_bytes(f.bytes, 40, "truncated");
	check_refused_bytes(f.bytes, 70, "truncated");
	check_refused_bytes(f.bytes, 0x1800, "truncated");
}

static void damaged_headers_are_refused(void **state)
{
	struct program_file f = good();

	(void)state;
	f.header.e_phentsize = 32;
	check_refused(&f, "wrong size");
	f = good();
	f.header.e_phnum = 0;
	check_refused(&f, "no program headers");
	f = good();
	f.header.e_phoff = UINT64_MAX - 8;
	check_refused(&f, "truncated");
	f = good();
	f.header.e_version = 9;
	check_refused(&f, "version 9");
	f = good();
	f.header.e_entry = 0x403010;
	check_refused(&f, "entry point");
	f = good();
	f.segments[0].p_type = f.segments[1].p_type = PT_NULL;
	check_refused(&f, "nothing to load");
}

static void bad_segments_are_refused(void **state)
{
	struct program_file f = good();

	(void)state;
	f.segments[1].p_vaddr = 0x401010;
	check_refused(&f, "overlap");
	f = good();
	f.segments[0].p_vaddr = f.header.e_entry = 0x501000;
	check_refused(&f, "overlap or are out of order");
	f = good();
	f.segments[1].p_vaddr = 0xffffffff80000010;
	check_refused(&f, "kernel's half");
	f = good();
	f.segments[1].p_memsz = UINT64_MAX - 0x1000;
	check_refused(&f, "kernel's half");
	f = good();
	f.segments[1].p_vaddr = 0x7fffffffe010;
	check_refused(&f, "kernel's half");
	f = good();
	f.segments[1].p_filesz = UINT64_MAX;
	check_refused(&f, "truncated");
	f = good();
	f.segments[1].p_memsz = 0x80;
	check_refused(&f, "larger in the file");
	f = good();
	f.segments[1].p_vaddr = 0x403020;
	check_refused(&f, "file offset");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(static_programs_pass),
		cmocka_unit_test(writable_memory_is_counted_in_pages),
		cmocka_unit_test(files_that_are_no_elf_are_named),
		cmocka_unit_test(other_machines_are_named),
		cmocka_unit_test(other_kinds_are_named),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(damaged_headers_are_refused),
		cmocka_unit_test(bad_segments_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
