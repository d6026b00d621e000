/* SPDX-License-Identifier: BSD-3-Clause */
/* mprotect splits and joins areas, takes effect at once, and enforces what each right means. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)

static sigjmp_buf out;

static void handler(int signal_number)
{
	siglongjmp(out, signal_number);
}

static bool readable(volatile char *at)
{
	if (sigsetjmp(out, 1))
		return false;
	(void)*at;
	return true;
}

static bool writable(volatile char *at)
{
	if (sigsetjmp(out, 1))
		return false;
	*at = *at;
	return true;
}

static bool runnable(void *at)
{
	int (*fn)(void);
	memcpy(&fn, &at, sizeof(fn));
	if (sigsetjmp(out, 1))
		return false;
	return fn() == 42;
}

static void check_split(void)
{
	char *map = mmap(NULL, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(map, 5, 8 * PAGE);
	CHECK_EQ(mprotect(map + 2 * PAGE, 2 * PAGE, PROT_READ), 0);
	CHECK_EQ(mprotect(map + 5 * PAGE, PAGE, PROT_NONE), 0);
	static const char *const want = "wwrrwnww";
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(readable(map + i * PAGE), want[i] != 'n');
		CHECK_EQ(want[i] != 'n' && writable(map + i * PAGE), want[i] == 'w');
	}
	CHECK_EQ(mprotect(map, 8 * PAGE, RW), 0);
	unsigned wrong = 0;
	for (size_t i = 0; i < 8 * PAGE; i++)
		wrong += map[i] != 5;
	CHECK_EQ(wrong, 0); /* contents outlive PROT_NONE */
	CHECK_EQ(mprotect(map, 0, PROT_NONE), 0);
	CHECK(readable(map));
	CHECK_EQ(mprotect(map, 1, PROT_NONE), 0); /* rounded up to the page */
	CHECK(!readable(map + PAGE - 1));
	CHECK(readable(map + PAGE));
	CHECK_ERROR(syscall(SYS_mprotect, map + 1, PAGE, RW), EINVAL); /* musl's mprotect rounds */
	munmap(map + 4 * PAGE, PAGE);
	CHECK_ERROR(mprotect(map, 8 * PAGE, RW), ENOMEM);
	CHECK_ERROR(mprotect((void *)(uintptr_t)0x10000, PAGE, RW), ENOMEM);
	munmap(map, 8 * PAGE);
}

static void check_execution(void)
{
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 }; /* mov $42, %eax; ret */
	char *map = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(map, code, sizeof(code));
	CHECK(!runnable(map));
	CHECK_EQ(mprotect(map, PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK(runnable(map));
	CHECK(!writable(map));
	CHECK_EQ(mprotect(map, PAGE, RW), 0);
	CHECK(!runnable(map));
	CHECK(writable(map));
	CHECK_EQ(mprotect(map, PAGE, RW | PROT_EXEC), 0);
	CHECK(runnable(map));
	CHECK(writable(map));
	map[1] = 41;
	CHECK(!runnable(map)); /* the new code runs, and returns 41 */
	munmap(map, PAGE);
}

static void check_image(void)
{
	static const char constant[] = "constant";
	char on_stack[8] = "";
	CHECK(!writable((char *)(uintptr_t)constant));
	CHECK(!writable((char *)(uintptr_t)check_image));
	CHECK(!runnable(on_stack));
}

int main(void)
{
	signal(SIGSEGV, handler);
	check_split();
	check_execution();
	check_image();
	return check_done("mprotect");
}
