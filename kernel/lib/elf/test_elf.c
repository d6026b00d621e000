/* SPDX-License-Identifier: BSD-3-Clause */
#include <lib/elf.h>

#include <base/bits.h>
#include <base/errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILE_BYTES = 0x3000, HEADER_BYTES = 64, TABLE_MAX = 8 };
#define LOW ((uint64_t)0x10000)
#define HIGH (((uint64_t)1 << 47) - 0x1000)
#define BASE ((uint64_t)0x400000)

/* Offsets in the ELF header. */
enum {
	CLASS = 4,
	DATA = 5,
	VERSION = 6,
	OSABI = 7,
	TYPE = 16,
	MACHINE = 18,
	ENTRY = 24,
	PHOFF = 32,
	PHENTSIZE = 54,
	PHNUM = 56
};

static unsigned char file[FILE_BYTES];
static struct elf_phdr *phdrs;
static struct elf_source source;
static struct elf_header header;
static struct elf_phdr table[TABLE_MAX];
static struct elf_image image;
static int read_error;

static void put16(unsigned at, uint16_t value)
{
	memcpy(file + at, &value, sizeof(value));
}

static void put64(unsigned at, uint64_t value)
{
	memcpy(file + at, &value, sizeof(value));
}

static int read_file(void *context, uint64_t offset, void *dst, size_t bytes)
{
	assert_ptr_equal(context, file);
	assert_true(range_fits(offset, bytes, source.file_bytes));
	memcpy(dst, file + offset, bytes);
	return read_error;
}

/* A program of a text segment and a data segment with bss, which everything is loadable of. */
static int setup(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	memcpy(file, "\177ELF", 4);
	file[CLASS] = 2;
	file[DATA] = 1;
	file[VERSION] = 1;
	put16(TYPE, 2);
	put16(MACHINE, 62);
	file[20] = 1;
	put64(ENTRY, BASE + 0x200);
	put64(PHOFF, HEADER_BYTES);
	put16(PHENTSIZE, sizeof(struct elf_phdr));
	put16(PHNUM, 2);
	phdrs = (struct elf_phdr *)(file + HEADER_BYTES);
	phdrs[0] = (struct elf_phdr){
		ELF_LOAD, ELF_READ | ELF_EXECUTE, 0, BASE, BASE, 0x1800, 0x1800, 0x1000
	};
	phdrs[1] = (struct elf_phdr){ ELF_LOAD,      ELF_READ | ELF_WRITE,
				      0x1800,        BASE + 0x2800,
				      BASE + 0x2800, 0x800,
				      0x4000,        0x1000 };
	read_error = 0;
	source = (struct elf_source){ read_file, file, FILE_BYTES, 0 };
	return 0;
}

static enum elf_result load(void)
{
	enum elf_result r = elf_read_header(&source, &header);

	return r ? r : elf_read_table(&source, &header, LOW, HIGH, table, &image);
}

static void elf_loads_a_program(void **state)
{
	(void)state;
	assert_int_equal(load(), ELF_OK);
	assert_false(header.position_independent);
	assert_int_equal(header.entry, BASE + 0x200);
	assert_int_equal(header.table_count, 2);
	assert_int_equal(image.low, BASE);
	assert_int_equal(image.end, BASE + 0x6800);
	assert_int_equal(image.high, BASE + 0x7000);
	assert_int_equal(image.table_vaddr, BASE + HEADER_BYTES);
	assert_int_equal(image.memory_bytes, 0x2000 + 0x5000);
	assert_int_equal(image.alignment, 0x1000);
}

static void elf_tells_position_independent_programs(void **state)
{
	(void)state;
	put16(TYPE, 3);
	phdrs[0].vaddr = 0;
	phdrs[1].vaddr = 0x2800;
	phdrs[1].alignment = 0x200000;
	assert_int_equal(load(), ELF_OK);
	assert_true(header.position_independent);
	assert_int_equal(image.low, 0);
	assert_int_equal(image.alignment, 0x200000);
}

static void elf_names_what_is_no_program(void **state)
{
	(void)state;
	memcpy(file, "#!/bin/sh", 9);
	assert_int_equal(load(), ELF_SCRIPT);
	memcpy(file, "MZ", 2);
	assert_int_equal(load(), ELF_NOT_ELF);
	source.file_bytes = 0;
	assert_int_equal(load(), ELF_NOT_ELF);
	source.file_bytes = 3;
	memcpy(file, "\177EL", 3);
	assert_int_equal(load(), ELF_NOT_ELF);
}

static void elf_refuses_other_kinds(void **state)
{
	static const struct {
		unsigned at, value;
		enum elf_result result;
	} cases[] = {
		{ CLASS, 1, ELF_32_BIT },          { CLASS, 3, ELF_BAD_HEADER },
		{ DATA, 2, ELF_BIG_ENDIAN },       { DATA, 0, ELF_BAD_HEADER },
		{ VERSION, 0, ELF_BAD_HEADER },    { MACHINE, 183, ELF_OTHER_MACHINE },
		{ MACHINE, 3, ELF_OTHER_MACHINE }, { OSABI, 9, ELF_OTHER_SYSTEM },
		{ TYPE, 1, ELF_NOT_EXECUTABLE },   { TYPE, 4, ELF_NOT_EXECUTABLE },
		{ PHENTSIZE, 32, ELF_BAD_HEADER }, { PHNUM, 0, ELF_NO_SEGMENTS },
		{ 20, 2, ELF_BAD_HEADER },
	};

	for (unsigned i = 0; i < countof(cases); i++) {
		setup(state);
		file[cases[i].at] = (unsigned char)cases[i].value;
		assert_int_equal(load(), cases[i].result);
	}
	setup(state);
	file[OSABI] = 3;
	assert_int_equal(load(), ELF_OK);
}

static void elf_refuses_truncated_files(void **state)
{
	(void)state;
	for (source.file_bytes = 4; source.file_bytes < 0x2000; source.file_bytes++)
		assert_int_equal(load(), ELF_TRUNCATED);
	assert_int_equal(load(), ELF_OK);
	put64(PHOFF, FILE_BYTES - 8);
	assert_int_equal(load(), ELF_TRUNCATED);
	put64(PHOFF, UINT64_MAX - 8);
	assert_int_equal(load(), ELF_TRUNCATED);
}

static void elf_refuses_bad_segments(void **state)
{
	(void)state;
	phdrs[1].memory_bytes = phdrs[1].file_bytes - 1;
	assert_int_equal(load(), ELF_BAD_SEGMENT);
	setup(state);
	phdrs[1].offset += 8; /* not where its page is */
	assert_int_equal(load(), ELF_BAD_SEGMENT);
	setup(state);
	phdrs[1].alignment = 0x3000;
	assert_int_equal(load(), ELF_BAD_SEGMENT);
	setup(state);
	phdrs[1].file_bytes = phdrs[1].memory_bytes = UINT64_MAX - 0x3000;
	assert_int_equal(load(), ELF_OUTSIDE);
}

static void elf_refuses_overlap(void **state)
{
	(void)state;
	phdrs[1].vaddr = BASE + 0x800; /* also out of order to the file */
	assert_int_equal(load(), ELF_OVERLAP);
	phdrs[1].vaddr = BASE - 0x10000 + 0x800;
	assert_int_equal(load(), ELF_OVERLAP);
	phdrs[1].vaddr = BASE + 0x1800; /* they share a page, not a byte */
	assert_int_equal(load(), ELF_OK);
}

static void elf_refuses_what_reaches_outside(void **state)
{
	(void)state;
	phdrs[1].vaddr = 0xffffffff80000800;
	assert_int_equal(load(), ELF_OUTSIDE);
	phdrs[1].vaddr = HIGH - 0x3800;
	assert_int_equal(load(), ELF_OUTSIDE);
	phdrs[1].memory_bytes = 0x3800;
	assert_int_equal(load(), ELF_OK);
	phdrs[1].memory_bytes = UINT64_MAX;
	assert_int_equal(load(), ELF_OUTSIDE);
	setup(state);
	phdrs[0].vaddr = 0x1000;
	assert_int_equal(load(), ELF_OUTSIDE);
}

static void elf_wants_something_to_load(void **state)
{
	(void)state;
	phdrs[0].type = phdrs[1].type = 0x6474e551; /* PT_GNU_STACK */
	assert_int_equal(load(), ELF_NO_SEGMENTS);
}

static void elf_tells_dynamic_programs(void **state)
{
	(void)state;
	put16(PHNUM, 3);
	phdrs[2] = phdrs[1];
	phdrs[1] = (struct elf_phdr){ .type = ELF_INTERPRETER, .offset = 0x300, .file_bytes = 12 };
	assert_int_equal(load(), ELF_OK);
	assert_int_equal(image.interpreter_offset, 0x300);
	assert_int_equal(image.interpreter_bytes, 12);
}

static void elf_takes_the_first_of_two_interpreters(void **state)
{
	(void)state;
	put16(PHNUM, 4);
	phdrs[2] = phdrs[1];
	phdrs[1] = (struct elf_phdr){ .type = ELF_INTERPRETER, .offset = 0x300, .file_bytes = 12 };
	phdrs[3] = (struct elf_phdr){ .type = ELF_INTERPRETER, .offset = 0x400, .file_bytes = 0 };
	assert_int_equal(load(), ELF_OK);
	assert_int_equal(image.interpreter_offset, 0x300);
}

static void elf_refuses_bad_interpreter_names(void **state)
{
	static const uint64_t bad[][2] = { { 0x300, 0 },
					   { 0x300, 1 },
					   { 0x300, ELF_INTERPRETER_BYTES_MAX + 1 },
					   { FILE_BYTES - 4, 5 },
					   { UINT64_MAX - 3, 8 } };

	(void)state;
	put16(PHNUM, 3);
	phdrs[2] = phdrs[1];
	for (size_t i = 0; i < countof(bad); i++) {
		phdrs[1] = (struct elf_phdr){ .type = ELF_INTERPRETER,
					      .offset = bad[i][0],
					      .file_bytes = bad[i][1] };
		assert_int_equal(load(), ELF_BAD_INTERPRETER);
	}
}

static void elf_tells_executable_stacks(void **state)
{
	(void)state;
	assert_int_equal(load(), ELF_OK);
	assert_false(image.executable_stack);
	put16(PHNUM, 3);
	phdrs[2] = (struct elf_phdr){ .type = ELF_STACK, .flags = ELF_READ | ELF_WRITE };
	assert_int_equal(load(), ELF_OK);
	assert_false(image.executable_stack);
	phdrs[2].flags |= ELF_EXECUTE;
	assert_int_equal(load(), ELF_OK);
	assert_true(image.executable_stack);
}

static void elf_hands_on_read_errors(void **state)
{
	(void)state;
	read_error = -EIO;
	assert_int_equal(load(), ELF_UNREADABLE);
	assert_int_equal(source.error, -EIO);
}

static void elf_has_a_text_for_every_result(void **state)
{
	(void)state;
	for (int r = ELF_OK; r <= ELF_BAD_INTERPRETER; r++)
		assert_true(strlen(elf_result_text((enum elf_result)r)) > 5);
	assert_non_null(elf_result_text((enum elf_result)99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(elf_loads_a_program, setup),
		cmocka_unit_test_setup(elf_tells_position_independent_programs, setup),
		cmocka_unit_test_setup(elf_names_what_is_no_program, setup),
		cmocka_unit_test_setup(elf_refuses_other_kinds, setup),
		cmocka_unit_test_setup(elf_refuses_truncated_files, setup),
		cmocka_unit_test_setup(elf_refuses_bad_segments, setup),
		cmocka_unit_test_setup(elf_refuses_overlap, setup),
		cmocka_unit_test_setup(elf_refuses_what_reaches_outside, setup),
		cmocka_unit_test_setup(elf_wants_something_to_load, setup),
		cmocka_unit_test_setup(elf_tells_dynamic_programs, setup),
		cmocka_unit_test_setup(elf_takes_the_first_of_two_interpreters, setup),
		cmocka_unit_test_setup(elf_refuses_bad_interpreter_names, setup),
		cmocka_unit_test_setup(elf_tells_executable_stacks, setup),
		cmocka_unit_test_setup(elf_hands_on_read_errors, setup),
		cmocka_unit_test(elf_has_a_text_for_every_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
