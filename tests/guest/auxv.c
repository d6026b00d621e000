/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel puts on a new program's stack: the auxiliary vector, complete and right. */
#include "check.h"

#include <cpuid.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern char **environ;
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static const ElfW(auxv_t) * vector(void)
{
	char **at = environ;
	while (*at)
		at++;
	return (const ElfW(auxv_t) *)(at + 1);
}

static bool has(unsigned long type, unsigned long *value)
{
	for (const ElfW(auxv_t) *entry = vector(); entry->a_type != AT_NULL; entry++)
		if (entry->a_type == type) {
			*value = entry->a_un.a_val;
			return true;
		}
	return false;
}

static unsigned long value_of(unsigned long type)
{
	unsigned long value = 0;
	check_truth("auxv", (int)type, "entry present", has(type, &value));
	return value;
}

static void check_numbers(void)
{
	unsigned a = 0, b = 0, c = 0, d = 0;
	__get_cpuid(1, &a, &b, &c, &d);
	CHECK_EQ(value_of(AT_PAGESZ), 4096);
	CHECK_EQ(value_of(AT_CLKTCK), 100);
	CHECK_EQ(value_of(AT_UID), getuid());
	CHECK_EQ(value_of(AT_EUID), geteuid());
	CHECK_EQ(value_of(AT_GID), getgid());
	CHECK_EQ(value_of(AT_EGID), getegid());
	CHECK_EQ(value_of(AT_SECURE), 0);
	CHECK_EQ(value_of(AT_FLAGS), 0);
	CHECK_EQ(value_of(AT_BASE), 0); /* no interpreter */
	CHECK_EQ(value_of(AT_HWCAP), d);
	CHECK(value_of(51) >= 1024); /* AT_MINSIGSTKSZ */
	CHECK(strcmp((const char *)value_of(AT_PLATFORM), "x86_64") == 0);
	const char *name = (const char *)value_of(AT_EXECFN);
	CHECK(name && strcmp(check_base_name(name), "auxv") == 0);
	const unsigned char *random = (const unsigned char *)value_of(AT_RANDOM);
	unsigned zeroes = 0;
	for (int i = 0; i < 16; i++)
		zeroes += random[i] == 0;
	CHECK(zeroes < 6);
	CHECK(value_of(AT_SYSINFO_EHDR) % 4096 == 0);
	(void)value_of(AT_HWCAP2);
}

static void check_program_headers(void)
{
	const ElfW(Ehdr) *header = &__ehdr_start;
	CHECK(memcmp(header->e_ident, ELFMAG, SELFMAG) == 0);
	CHECK_EQ(value_of(AT_PHENT), sizeof(ElfW(Phdr)));
	CHECK_EQ(value_of(AT_PHNUM), header->e_phnum);
	CHECK_EQ(value_of(AT_PHDR) - (uintptr_t)header, header->e_phoff);
	uintptr_t bias = header->e_type == ET_DYN ? (uintptr_t)header : 0;
	CHECK_EQ(value_of(AT_ENTRY) - bias, header->e_entry);
	const ElfW(Phdr) *program = (const void *)value_of(AT_PHDR);
	bool found = false;
	for (unsigned i = 0; i < header->e_phnum; i++)
		found |= program[i].p_type == PT_LOAD && (program[i].p_flags & PF_X);
	CHECK(found);
}

static void check_stack_order(char **argv)
{
	uintptr_t strings = (uintptr_t)argv[0];
	CHECK((uintptr_t)vector() > (uintptr_t)environ);
	CHECK(environ > argv);
	CHECK(strings > (uintptr_t)vector());
	CHECK(((uintptr_t)argv - 8) % 16 == 0); /* the stack pointer at the start, where argc is */
	CHECK_EQ((uintptr_t)argv[-1] & 0xffffffff, 1);
}

int main(int argc, char **argv)
{
	(void)argc;
	check_numbers();
	check_program_headers();
	check_stack_order(argv);
	return check_done("auxv");
}
