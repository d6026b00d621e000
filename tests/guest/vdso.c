/* SPDX-License-Identifier: BSD-3-Clause */
/* The vDSO is an ELF image with Linux's symbols and versions, and its functions agree with the system calls. */
#include "check.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static uintptr_t base, bias;
static const ElfW(Sym) * symbols;
static const char *strings;
static size_t symbol_count;

static bool is_inside(uintptr_t address)
{
	return address - base < 65536;
}

static uintptr_t place(uintptr_t value) /* dynamic entries are not relocated */
{
	return value + bias;
}

static void open_image(void)
{
	base = getauxval(AT_SYSINFO_EHDR);
	REQUIRE(base != 0);
	const ElfW(Ehdr) *header = (const void *)base;
	REQUIRE(memcmp(header->e_ident, ELFMAG, SELFMAG) == 0);
	CHECK_EQ(header->e_type, ET_DYN);
	CHECK_EQ(header->e_machine, EM_X86_64);
	const ElfW(Phdr) *program = (const void *)(base + header->e_phoff);
	const ElfW(Dyn) *dynamic = NULL;
	bool loaded = false;
	for (int i = 0; i < header->e_phnum; i++) {
		if (program[i].p_type == PT_LOAD && !loaded) {
			loaded = true;
			bias = base + program[i].p_offset - program[i].p_vaddr;
			CHECK_EQ(program[i].p_flags, PF_R | PF_X);
		} else if (program[i].p_type == PT_DYNAMIC) {
			dynamic = (const void *)(base + program[i].p_offset);
		}
	}
	REQUIRE(loaded && dynamic != NULL);
	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		if (dynamic->d_tag == DT_SYMTAB)
			symbols = (const void *)place(dynamic->d_un.d_ptr);
		else if (dynamic->d_tag == DT_STRTAB)
			strings = (const char *)place(dynamic->d_un.d_ptr);
		else if (dynamic->d_tag == DT_HASH) /* musl needs this one */
			symbol_count = ((const uint32_t *)place(dynamic->d_un.d_ptr))[1];
	}
	REQUIRE(symbols && strings && symbol_count);
	REQUIRE(is_inside((uintptr_t)symbols) && is_inside((uintptr_t)strings));
}

static uintptr_t find(const char *name)
{
	for (size_t i = 0; i < symbol_count; i++)
		if (strcmp(strings + symbols[i].st_name, name) == 0 &&
		    symbols[i].st_shndx != SHN_UNDEF) {
			uintptr_t address = symbols[i].st_value + bias;
			CHECK(is_inside(address));
			return address;
		}
	check_truth("vdso", 0, name, false);
	return 0;
}

static int64_t ns(const struct timespec *at)
{
	return (int64_t)at->tv_sec * 1000000000 + at->tv_nsec;
}

static void check_clock_gettime(void)
{
	int (*get)(clockid_t, struct timespec *) = (void *)find("__vdso_clock_gettime");
	static const clockid_t clocks[] = { CLOCK_REALTIME,          CLOCK_MONOTONIC,
					    CLOCK_BOOTTIME,          CLOCK_REALTIME_COARSE,
					    CLOCK_MONOTONIC_COARSE,  CLOCK_MONOTONIC_RAW,
					    CLOCK_PROCESS_CPUTIME_ID };
	REQUIRE(get != NULL);
	for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		struct timespec before, middle, after;
		CHECK_EQ(syscall(SYS_clock_gettime, clocks[i], &before), 0);
		CHECK_EQ(get(clocks[i], &middle), 0);
		CHECK_EQ(syscall(SYS_clock_gettime, clocks[i], &after), 0);
		CHECK(ns(&before) <= ns(&middle) && ns(&middle) <= ns(&after));
	}
	struct timespec any;
	CHECK_EQ(get(9999, &any), -EINVAL);
}

static void check_others(void)
{
	int (*day)(struct timeval *, struct timezone *) = (void *)find("__vdso_gettimeofday");
	time_t (*seconds)(time_t *) = (void *)find("__vdso_time");
	long (*cpu)(unsigned *, unsigned *, void *) = (void *)find("__vdso_getcpu");
	int (*resolution)(clockid_t, struct timespec *) = (void *)find("__vdso_clock_getres");
	REQUIRE(day && seconds && cpu);
	struct timeval now, later;
	struct timezone zone = { 1, 1 };
	struct timespec real;
	time_t stored = 0;
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &real), 0);
	CHECK_EQ(day(&now, &zone), 0);
	CHECK_EQ(syscall(SYS_gettimeofday, &later, NULL), 0);
	CHECK_EQ(zone.tz_minuteswest, 0);
	CHECK(now.tv_sec * 1000000 + now.tv_usec >= real.tv_sec * 1000000 + real.tv_nsec / 1000);
	CHECK(now.tv_sec * 1000000 + now.tv_usec <= later.tv_sec * 1000000 + later.tv_usec);
	CHECK_EQ(day(NULL, NULL), 0);
	time_t got = seconds(&stored);
	CHECK(got == stored && got >= now.tv_sec - 1 && got <= now.tv_sec + 5);
	CHECK(seconds(NULL) >= got);
	unsigned number = 77777, node = 77777;
	CHECK_EQ(cpu(&number, &node, NULL), 0);
	CHECK(number < 4096 && node < 4096);
	CHECK_EQ(cpu(NULL, NULL, NULL), 0);
	if (resolution) {
		struct timespec step = { 9, 9 };
		CHECK_EQ(resolution(CLOCK_MONOTONIC, &step), 0);
		CHECK(step.tv_sec == 0 && step.tv_nsec >= 1);
	}
}

int main(void)
{
	open_image();
	check_clock_gettime();
	check_others();
	return check_done("vdso");
}
