/* SPDX-License-Identifier: BSD-3-Clause */
/* killed HOW: dies of a signal in the way named. Its parent sees 128 + the signal's number. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

static volatile int zero;
static unsigned char data[] = { 0xc3 }; /* ret */

static void write_null(void)
{
	*(volatile int *)(uintptr_t)zero = 1;
}

static void write_text(void)
{
	*(volatile char *)(uintptr_t)write_null = 1;
}

static void run_data(void)
{
	void (*fn)(void);
	memcpy(&fn, &(void *){ data }, sizeof(fn));
	fn();
}

static void divide(void)
{
	volatile int one = 2;
	zero = one / zero;
}

static void illegal(void)
{
	__asm__ volatile("ud2");
}

static void breakpoint(void)
{
	__asm__ volatile("int3");
}

static void privileged(void)
{
	__asm__ volatile("hlt");
}

static void noncanonical(void)
{
	*(volatile int *)(uintptr_t)0x8000000000000000 = 1;
}

static void read_kernel(void)
{
	zero = *(volatile int *)(uintptr_t)0xffffffff80000000;
}

static int overflow(int depth)
{
	if (depth < 0)
		return depth;
	volatile char room[4096];
	room[depth & 4095] = (char)depth;
	return overflow(depth + 1) + room[(depth * 7) & 4095];
}

static void stack(void)
{
	zero = overflow(0);
}

static void beyond_file(void)
{
	int fd = open("killed.tmp", O_RDWR | O_CREAT, 0600);
	unlink("killed.tmp");
	volatile char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	zero = map[0];
}

static void blocked(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	write_null();
}

static void ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	write_null();
}

static const struct {
	const char *name;
	void (*fn)(void);
} ways[] = {
	{ "null", write_null },       { "text", write_text }, { "data", run_data },
	{ "divide", divide },         { "illegal", illegal }, { "breakpoint", breakpoint },
	{ "privileged", privileged }, { "abort", abort },     { "noncanonical", noncanonical },
	{ "kernel", read_kernel },    { "stack", stack },     { "file", beyond_file },
	{ "blocked", blocked },       { "ignored", ignored },
};

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "null";
	printf("dying of %s\n", how);
	fflush(stdout);
	if (how[0] >= '0' && how[0] <= '9') {
		raise(atoi(how));
		puts("alive");
		return 0;
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (strcmp(ways[i].name, how) == 0)
			ways[i].fn();
	puts("alive");
	return 3;
}
