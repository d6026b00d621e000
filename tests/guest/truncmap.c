/* SPDX-License-Identifier: BSD-3-Clause */
/* A file that is cut short takes its pages out of the mappings of it; what comes back is zeroed. */
#include "check.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#define PAGE 4096

static sigjmp_buf out;

static void handler(int signal_number)
{
	siglongjmp(out, signal_number);
}

/* The byte, or minus the signal that reading it causes. */
static int byte_at(volatile char *at)
{
	int signal_number = sigsetjmp(out, 1);
	return signal_number ? -signal_number : *at;
}

int main(void)
{
	signal(SIGBUS, handler);
	int fd = open("truncmap.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0 && ftruncate(fd, 4 * PAGE) == 0);
	char *shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *copied = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	REQUIRE(shared != MAP_FAILED && copied != MAP_FAILED);
	memset(shared, 'x', 4 * PAGE);
	copied[2 * PAGE] = 'y';
	CHECK_EQ(byte_at(copied + 3 * PAGE), 'x');
	CHECK_EQ(ftruncate(fd, PAGE + 100), 0);
	CHECK_EQ(byte_at(shared + PAGE + 50), 'x');
	CHECK_EQ(byte_at(shared + PAGE + 200), 0); /* the rest of the last page */
	CHECK_EQ(byte_at(shared + 2 * PAGE), -SIGBUS);
	CHECK_EQ(byte_at(copied + 2 * PAGE), -SIGBUS); /* even a page of one's own */
	CHECK_EQ(byte_at(copied + 3 * PAGE), -SIGBUS);
	CHECK_EQ(ftruncate(fd, 4 * PAGE), 0);
	CHECK_EQ(byte_at(shared + 2 * PAGE), 0);
	CHECK_EQ(byte_at(copied + 2 * PAGE), 0);
	CHECK_EQ(byte_at(copied + 3 * PAGE), 0);
	shared[2 * PAGE] = 'z';
	CHECK_EQ(byte_at(copied + 2 * PAGE), 'z');
	unlink("truncmap.tmp");
	return check_done("truncmap");
}
