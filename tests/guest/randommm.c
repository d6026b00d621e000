/* SPDX-License-Identifier: BSD-3-Clause */
/* randommm SEED STEPS: random calls on the address space, within one range; prints the result of each. */
#include "check.h"
#include "random.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

enum { PAGES = 48, FILE_PAGES = 20 };
#define PAGE ((size_t)4096)

static char *arena;
static unsigned step;
static int image_fd, file_fd;
static off_t file_bytes =
	8 * 4096; /* whole pages: what is written to a page behind the end comes back or not */
static sigjmp_buf out;
static volatile sig_atomic_t fault_code;

static void handler(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	fault_code = info->si_code;
	siglongjmp(out, signal_number);
}

static void say(const char *what, unsigned page, unsigned pages, long result)
{
	int error = errno;
	if (result == -1)
		printf("%u %s %u+%u: errno %d\n", step, what, page, pages, error);
	else
		printf("%u %s %u+%u: %ld\n", step, what, page, pages, result);
}

static unsigned random_range(unsigned *page)
{
	*page = random_below(PAGES);
	unsigned most = PAGES - *page;
	return 1 + random_below(most < 10 ? most : 10);
}

static int random_rights(void)
{
	static const int rights[] = { PROT_NONE,
				      PROT_READ,
				      PROT_READ | PROT_WRITE,
				      PROT_READ | PROT_WRITE,
				      PROT_READ | PROT_EXEC,
				      PROT_WRITE };
	return rights[random_below(sizeof(rights) / sizeof(*rights))];
}

static void do_map(void)
{
	unsigned page, pages = random_range(&page), kind = random_below(6);
	int rights = random_rights(), flags = MAP_FIXED;
	int fd = kind < 3 ? -1 : kind == 3 ? image_fd : file_fd;
	off_t offset = fd < 0 ? 0 : (off_t)(random_below(FILE_PAGES) * PAGE);
	flags |= kind == 2 || kind == 5 ? MAP_SHARED : MAP_PRIVATE;
	flags |= fd < 0 ? MAP_ANONYMOUS : 0;
	if (random_below(6) == 0)
		flags = (flags & ~MAP_FIXED) | 0x100000; /* MAP_FIXED_NOREPLACE */
	char *got = mmap(arena + page * PAGE, pages * PAGE, rights, flags, fd, offset);
	printf("(kind %u, rights %d) ", kind, rights);
	say("map", page, pages, got == MAP_FAILED ? -1 : (got - arena) / (long)PAGE);
}

static void do_change(void)
{
	unsigned page, pages = random_range(&page);
	char *at = arena + page * PAGE;
	int rights;
	switch (random_below(7)) {
	case 0:
		say("unmap", page, pages, munmap(at, pages * PAGE));
		break;
	case 1:
		say("discard", page, pages, madvise(at, pages * PAGE, MADV_DONTNEED));
		break;
	case 2:
		say("advise", page, pages,
		    madvise(at, pages * PAGE, random_below(2) ? MADV_WILLNEED : MADV_SEQUENTIAL));
		break;
	case 3:
		say("sync", page, pages, msync(at, pages * PAGE, MS_SYNC));
		break;
	default:
		rights = random_rights();
		printf("(rights %d) ", rights);
		say("protect", page, pages, mprotect(at, pages * PAGE, rights));
	}
}

static void do_move(void)
{
	unsigned page, pages = random_range(&page), to, new_pages = random_range(&to);
	bool fixed = random_below(2);
	if (!fixed && new_pages > pages)
		pages = 1; /* more may be one area or several: when areas are joined is the kernel's own affair */
	unsigned char vector[1];
	/* Linux moves several areas at once since 6.17, and where it refuses keeps the target as it was. */
	if (fixed && mincore(arena + page * PAGE, PAGE, vector) != 0)
		return;
	if (fixed)
		pages = 1;
	char *got = mremap(arena + page * PAGE, pages * PAGE, new_pages * PAGE,
			   fixed ? MREMAP_MAYMOVE | MREMAP_FIXED : 0, arena + to * PAGE);
	/* Growing in place past the arena depends on what lies there. */
	if (!fixed && got != MAP_FAILED && page + new_pages > PAGES)
		munmap(arena + PAGES * PAGE, (page + new_pages - PAGES) * PAGE);
	if (!fixed && page + new_pages > PAGES)
		return;
	printf("(to %u+%u) ", to, new_pages);
	say(fixed ? "move" : "resize", page, pages,
	    got == MAP_FAILED ? -1 : (got - arena) / (long)PAGE);
}

/* 0, or the signal. */
static int touch(volatile unsigned char *byte, bool write, unsigned char *value)
{
	int signal_number = sigsetjmp(out, 1);
	if (signal_number)
		return signal_number;
	if (write)
		*byte = *value;
	else
		*value = *byte;
	return 0;
}

static void do_access(void)
{
	unsigned page = random_below(PAGES), at = random_below(4096);
	bool write = random_below(2);
	unsigned char value = (unsigned char)step;
	int signal_number = touch((unsigned char *)arena + page * PAGE + at, write, &value);
	if (signal_number)
		printf("%u %s %u: signal %d, code %d\n", step, write ? "write" : "read", page,
		       signal_number, fault_code);
	else
		printf("%u %s %u: %u\n", step, write ? "write" : "read", page, value);
}

static void do_file(void)
{
	unsigned char block[300];
	off_t at = random_below(FILE_PAGES * 4096);
	memset(block, (int)step, sizeof(block));
	unsigned kind = random_below(8);
	if (kind == 0 && at > file_bytes) /* shrinking is truncmap's */
		say("truncate", 0, 0, ftruncate(file_fd, file_bytes = at / 4096 * 4096));
	if (kind == 0 || at + (off_t)sizeof(block) > file_bytes)
		return;
	if (kind < 5)
		say("pwrite", 0, 0, pwrite(file_fd, block, sizeof(block), at));
	else if (pread(file_fd, block, sizeof(block), at) == sizeof(block))
		say("pread", 0, 0, block[0] + block[150] + block[299]);
}

/* The kernel's own accesses. */
static void do_kernel_access(void)
{
	unsigned page, pages = random_range(&page);
	char *at = arena + page * PAGE;
	if (random_below(2))
		say("write from", page, pages, pwrite(file_fd, at, PAGE, 0) == (long)PAGE ? 0 : -1);
	else
		say("read into", page, pages,
		    pread(image_fd, at, PAGE, 4096) == (long)PAGE ? 0 : -1);
}

static void show_page(unsigned page)
{
	unsigned char vector[1], value = 0;
	unsigned char *bytes = (unsigned char *)arena + page * PAGE;
	unsigned sum = 0;
	int signal_number = touch(bytes, false, &value);
	if (mincore(bytes, PAGE, vector) != 0)
		printf("page %u: not mapped\n", page);
	else if (signal_number)
		printf("page %u: signal %d\n", page, signal_number);
	else {
		for (size_t i = 0; i < PAGE; i++)
			sum = sum * 31 + bytes[i];
		printf("page %u: %08x\n", page, sum);
	}
}

int main(int argc, char **argv)
{
	static char output[65536];
	static void (*const actions[])(void) = { do_map,    do_map,    do_change,       do_change,
						 do_move,   do_access, do_access,       do_access,
						 do_access, do_file,   do_kernel_access };
	unsigned steps = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	random_seed(argc > 1 ? (uint64_t)atoi(argv[1]) : 1);
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	image_fd = open("data/big.bin", O_RDONLY);
	file_fd = open("randommm.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	REQUIRE(image_fd >= 0 && file_fd >= 0 && ftruncate(file_fd, file_bytes) == 0);
	/* Room behind, so that nothing else comes to lie there. */
	arena = mmap(NULL, 4 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(arena != MAP_FAILED);
	arena += PAGES * PAGE;
	for (step = 0; step < steps; step++)
		actions[random_below(sizeof(actions) / sizeof(*actions))]();
	for (unsigned page = 0; page < PAGES; page++)
		show_page(page);
	unlink("randommm.tmp");
	return check_done("randommm");
}
