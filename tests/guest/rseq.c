/* SPDX-License-Identifier: BSD-3-Clause */
/* Restartable sequences: registration, and that one which is disturbed ends at its abort address. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "check.h"

enum { SIGNATURE = 0x53053053, UNREGISTER = 1, BYTES = 32 };

struct area {
	uint32_t cpu_start, cpu;
	uint64_t sequence;
	uint32_t flags, node, concurrency_id, pad;
} __attribute__((aligned(32)));

static __thread struct area area;
static struct area other;

/* Where the C library has registered an area of its own. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

static long rseq(void *where, unsigned bytes, int flags, unsigned signature)
{
	return syscall(SYS_rseq, where, bytes, flags, signature);
}

static void forget_library(void)
{
	if (&__rseq_size && __rseq_size)
		CHECK_EQ(rseq((char *)__builtin_thread_pointer() + __rseq_offset, BYTES, UNREGISTER,
			      SIGNATURE),
			 0);
}

static void test_registration(void)
{
	CHECK_ERROR(rseq(&area, 31, 0, SIGNATURE), EINVAL);
	CHECK_ERROR(rseq((char *)&area + 8, BYTES, 0, SIGNATURE), EINVAL);
	CHECK_ERROR(rseq(&area, BYTES, 2, SIGNATURE), EINVAL);
	CHECK_ERROR(rseq((void *)(-4096ul), BYTES, 0, SIGNATURE), EFAULT);
	CHECK_ERROR(rseq(&area, BYTES, UNREGISTER, SIGNATURE), EINVAL);
	area.cpu = area.cpu_start = -1;
	CHECK_EQ(rseq(&area, BYTES, 0, SIGNATURE), 0);
	CHECK_EQ(area.cpu, area.cpu_start);
	CHECK(area.cpu < (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
	CHECK_ERROR(rseq(&area, BYTES, 0, SIGNATURE), EBUSY);
	CHECK_ERROR(rseq(&area, BYTES, 0, SIGNATURE + 1), EPERM);
	CHECK_ERROR(rseq(&other, BYTES, 0, SIGNATURE), EINVAL);
	CHECK_ERROR(rseq(&area, 64, 0, SIGNATURE), EINVAL);
	CHECK_ERROR(rseq(&area, BYTES, UNREGISTER, SIGNATURE + 1), EPERM);
	CHECK_ERROR(rseq(&other, BYTES, UNREGISTER, SIGNATURE), EINVAL);
	CHECK_EQ(rseq(&area, BYTES, UNREGISTER, SIGNATURE), 0);
	CHECK_EQ(area.cpu, -1u);
	CHECK_EQ(area.cpu_start, 0);
	CHECK_EQ(rseq(&area, BYTES, 0, SIGNATURE), 0);
}

/* Goes round inside a sequence until that is aborted. Returns how often it went round. */
static unsigned long spin_in_sequence(struct area *mine)
{
	unsigned long rounds = 0;

	__asm__ volatile(".pushsection .data.rseq, \"aw\"\n\t"
			 ".balign 32\n"
			 "10:\t.long 0, 0\n\t"
			 ".quad 1f, 2f - 1f, 4f\n\t"
			 ".popsection\n\t"
			 "leaq 10b(%%rip), %%rax\n\t"
			 "movq %%rax, %1\n"
			 "1:\tincq %0\n\t"
			 "jmp 1b\n"
			 "2:\n\t"
			 ".long %c2\n"
			 "4:"
			 : "+r"(rounds), "=m"(mine->sequence)
			 : "i"(SIGNATURE)
			 : "rax", "memory");
	return rounds;
}

static volatile int signals;
static volatile bool stop;

static void count_signal(int signo)
{
	(void)signo;
	signals++;
	CHECK_EQ(area.sequence, 0); /* aborted before the handler runs */
}

static void test_signal(void)
{
	const struct itimerval soon = { .it_value.tv_usec = 20000 };
	struct sigaction action = { .sa_handler = count_signal };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	do
		CHECK(spin_in_sequence(&area) > 0);
	while (!signals);
	CHECK_EQ(signals, 1);
	CHECK_EQ(area.sequence, 0);
}

static void *compete(void *arg)
{
	volatile unsigned long *ticks = arg;

	while (!stop)
		++*ticks;
	return NULL;
}

/* The library registers nothing for the threads of one that it has found without. */
static void *be_disturbed(void *arg)
{
	CHECK_EQ(rseq(&area, BYTES, 0, SIGNATURE), 0);
	for (int i = 0; i < 5; i++)
		CHECK(spin_in_sequence(&area) > 0);
	CHECK_EQ(area.sequence, 0);
	stop = true;
	return arg;
}

/* Two threads on one CPU: each of them displaces the other. */
static void test_preemption(void)
{
	static unsigned long ticks;
	pthread_t threads[2];
	cpu_set_t one;

	sched_getaffinity(0, sizeof(one), &one);
	for (int i = CPU_SETSIZE - 1, n = CPU_COUNT(&one); n > 1; i--) {
		if (!CPU_ISSET(i, &one))
			continue;
		CPU_CLR(i, &one);
		n--;
	}
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	REQUIRE(!pthread_create(&threads[0], NULL, compete, &ticks));
	REQUIRE(!pthread_create(&threads[1], NULL, be_disturbed, NULL));
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK(ticks > 0);
}

int main(void)
{
	enum { FEATURE_SIZE = 27, ALIGN = 28 };

	forget_library();
	/* Linux 6.3 and later say how much of the area they know. */
	CHECK(!getauxval(FEATURE_SIZE) || getauxval(FEATURE_SIZE) >= 20);
	CHECK(!getauxval(ALIGN) || getauxval(ALIGN) >= 32);
	test_registration();
	test_signal();
	test_preemption();
	return check_done("rseq");
}
