/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a program pays for the calls that programs make most: each row does one thing a number of times between two marks,
 * functions at whose first instructions the counting plugin looks. Static and not position independent, so that their
 * addresses are known; runs as the first process of a Linux guest as well.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Not inlined, and different from each other, so that each has an address of its own. */
#define MARK(name)                                                              \
	__attribute__((noinline, noclone, aligned(64))) void mark_##name(void); \
	void mark_##name(void)                                                  \
	{                                                                       \
		__asm__ volatile("# " #name);                                   \
	}
#define ROW(name) MARK(name##_begin) MARK(name##_end)

static void check(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

ROW(getppid)
static void getppid_times(int n)
{
	for (int i = 0; i < n; i++)
		getppid();
}

ROW(clock)
static void clock_times(int n)
{
	struct timespec now;

	for (int i = 0; i < n; i++)
		clock_gettime(CLOCK_MONOTONIC, &now);
}

ROW(fault)
static void fault_times(int n)
{
	size_t bytes = (size_t)n * 4096;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);

	check(memory != MAP_FAILED, "mmap");
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	for (int i = 0; i < n; i++)
		*(volatile char *)(memory + (size_t)i * 4096) = 1;
	munmap(memory, bytes);
}

static int ping[2], pong[2];

static void *answer(void *unused)
{
	char byte;

	while (read(ping[0], &byte, 1) == 1 && byte)
		check(write(pong[1], &byte, 1) == 1, "write");
	return unused;
}

/* A round trip is two switches. */
ROW(pipe)
static void pipe_times(int n)
{
	char byte = 1;

	for (int i = 0; i < n; i++) {
		check(write(ping[1], &byte, 1) == 1, "write");
		check(read(pong[0], &byte, 1) == 1, "read");
	}
}

static void *nothing(void *unused)
{
	return unused;
}

ROW(thread)
static void thread_times(int n)
{
	pthread_t thread;

	for (int i = 0; i < n; i++) {
		check(!pthread_create(&thread, NULL, nothing, NULL), "pthread_create");
		pthread_join(thread, NULL);
	}
}

ROW(mmap)
static void mmap_times(int n)
{
	const size_t bytes = 1 << 20;

	for (int i = 0; i < n; i++) {
		char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		check(memory != MAP_FAILED, "mmap");
		for (size_t at = 0; at < bytes; at += 4096)
			*(volatile char *)(memory + at) = 1;
		munmap(memory, bytes);
	}
}

ROW(file)
static void file_times(int n)
{
	char text[64];

	for (int i = 0; i < n; i++) {
		int fd = open("/tmp/small", O_RDONLY);

		check(fd >= 0 && read(fd, text, sizeof(text)) > 0, "/tmp/small");
		close(fd);
	}
}

/* Once before, so that what is made at first use is there. */
#define RUN(name, count)               \
	do {                           \
		name##_times(2);       \
		mark_##name##_begin(); \
		name##_times(count);   \
		mark_##name##_end();   \
	} while (0)

int main(void)
{
	pthread_t thread;
	char zero = 0;
	int fd;

	/* As a Linux guest's first process it has an empty root. */
	mkdir("/tmp", 0777);
	if (getpid() == 1)
		mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
	fd = open("/tmp/small", O_CREAT | O_WRONLY, 0666);
	check(fd >= 0 && write(fd, "a small file\n", 13) == 13, "/tmp/small");
	close(fd);
	check(!pipe(ping) && !pipe(pong), "pipe");

	/* The frequency of the cycle counter is known well enough for the vDSO only after some time. */
	nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
	RUN(getppid, 1000);
	RUN(clock, 1000);
	RUN(fault, 1000);
	RUN(mmap, 20);
	RUN(file, 200);
	check(!pthread_create(&thread, NULL, answer, NULL), "pthread_create");
	RUN(pipe, 200);
	check(write(ping[1], &zero, 1) == 1, "write");
	pthread_join(thread, NULL);
	RUN(thread, 100);
	puts("done");
	return 0;
}
