/* SPDX-License-Identifier: BSD-3-Clause */
/* What this test itself is linked with is found in its own file; notes are recognised however their names are counted. */
#include "elf_dynamic.h"

#include "tree.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void own_file_tells_its_libraries(void **state)
{
	struct mapping m;
	struct elf_dynamic d;
	uint64_t position = 0;
	const char *name;
	bool libc = false, cmocka = false;

	(void)state;
	assert_int_equal(file_map("/proc/self/exe", &m), 0);
	assert_true(elf_dynamic_read(m.data, m.bytes, &d));
	assert_non_null(strstr(d.interpreter, "ld-linux"));
	assert_null(d.soname);
	while ((name = elf_dynamic_needed(&d, &position))) {
		libc = libc || !strcmp(name, "libc.so.6");
		cmocka = cmocka || strstr(name, "libcmocka.so");
	}
	assert_true(libc && cmocka);
	assert_true(elf_dynamic_mentions(&d, "_cmocka_run_group_tests"));
	assert_false(elf_dynamic_mentions(&d, "cmocka_run_group_tests"));
	assert_false(elf_dynamic_mentions(&d, "_cmocka_run_group_test"));
	assert_true(elf_has_note(m.data, m.bytes, "GNU"));
	assert_false(elf_has_note(m.data, m.bytes, "Go"));
	tree_unmap(&m);
}

struct noted {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	Elf64_Nhdr note;
	char name[4];
};

static struct noted make_noted(uint32_t name_bytes)
{
	return (struct noted){
		.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64 },
			    .e_type = ET_EXEC,
			    .e_machine = EM_X86_64,
			    .e_phoff = offsetof(struct noted, segment),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 1 },
		.segment = { .p_type = PT_NOTE,
			     .p_offset = offsetof(struct noted, note),
			     .p_filesz = sizeof(Elf64_Nhdr) + 4 },
		.note = { .n_namesz = name_bytes },
		.name = "Go",
	};
}

static void owner_of_a_note_may_be_padded(void **state)
{
	struct noted exact = make_noted(3), padded = make_noted(4), cut = make_noted(2),
		     long_one = make_noted(5);

	(void)state;
	assert_true(elf_has_note(&exact, sizeof exact, "Go"));
	assert_true(elf_has_note(&padded, sizeof padded, "Go"));
	assert_false(elf_has_note(&cut, sizeof cut, "Go"));
	assert_false(elf_has_note(&long_one, sizeof long_one, "Go"));
	assert_false(elf_has_note(&exact, sizeof exact - 1, "Go"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_file_tells_its_libraries),
		cmocka_unit_test(owner_of_a_note_may_be_padded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
