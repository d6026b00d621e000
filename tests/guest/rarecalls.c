/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that few programs make, a function each. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>

enum { WAIT = 0, WAKE = 1, PRIVATE = 128, IDLE = 3 << 13, BEST_EFFORT = 2 << 13 };

static void io_priorities(void)
{
	CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), 0);
	CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, BEST_EFFORT | 5), 0);
	CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), BEST_EFFORT | 5);
	CHECK_EQ(syscall(SYS_ioprio_get, 1, getpid()), BEST_EFFORT | 5);
	CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, IDLE), 0);
	CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), IDLE);
	CHECK_ERROR(syscall(SYS_ioprio_set, 1, 0, 1), EINVAL);
	CHECK_ERROR(syscall(SYS_ioprio_set, 1, 0, 4 << 13), EINVAL);
	CHECK_ERROR(syscall(SYS_ioprio_set, 1, 0, -1), EINVAL);
	CHECK_ERROR(syscall(SYS_ioprio_set, 0, 0, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_ioprio_get, 4, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_ioprio_get, 1, 0x3ffffff), ESRCH);
	CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, 0), 0);
}

static void own_program(void)
{
	CHECK_ERROR(open("/proc/self/exe", O_WRONLY), ETXTBSY);
	CHECK_ERROR(open("/proc/self/exe", O_RDWR), ETXTBSY);
	int fd = open("/proc/self/exe", O_RDONLY);
	CHECK(fd >= 0);
	CHECK_ERROR(write(fd, "x", 1), EBADF);
	CHECK_ERROR(ftruncate(fd, 0), EINVAL);
	close(fd);
}

/* A word of shared kind that can never change is no futex. */
static void futex_read_only(void)
{
	struct timespec soon = { 0, 1000000 };
	unsigned *word = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_ERROR(syscall(SYS_futex, word, WAIT, 0, &soon), EFAULT);
	CHECK_ERROR(syscall(SYS_futex, word, WAIT, 1, &soon), EFAULT);
	CHECK_ERROR(syscall(SYS_futex, word, WAKE, 1), EFAULT);
	CHECK_ERROR(syscall(SYS_futex, word, WAIT | PRIVATE, 0, &soon), ETIMEDOUT);
	CHECK_EQ(syscall(SYS_futex, word, WAKE | PRIVATE, 1), 0);
	munmap(word, 4096);
	word = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_ERROR(syscall(SYS_futex, word, WAKE, 1), EFAULT);
	CHECK_EQ(syscall(SYS_futex, word, WAKE | PRIVATE, 1), 0);
	munmap(word, 4096);
	word = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK_ERROR(syscall(SYS_futex, word, WAIT, 0, &soon), ETIMEDOUT);
	CHECK_EQ(syscall(SYS_futex, word, WAKE, 1), 0);
	munmap(word, 4096);
}

struct waitv {
	uint64_t value, address;
	uint32_t flags, reserved;
};

static uint32_t words[4];

static long wait_many(struct waitv *v, unsigned count, const struct timespec *until, int clock)
{
	return syscall(449, v, count, 0, until, clock);
}

static void *wake_third(void *arg)
{
	(void)arg;
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	__atomic_store_n(&words[2], 1, __ATOMIC_SEQ_CST);
	while (!syscall(SYS_futex, &words[2], WAKE | PRIVATE, 1))
		sched_yield();
	return NULL;
}

static void futex_many(void)
{
	struct waitv v[4];
	struct timespec past = { 1, 0 }, wrong = { 0, -1 };
	pthread_t thread;

	for (int i = 0; i < 4; i++)
		v[i] = (struct waitv){ 0, (uintptr_t)&words[i], 2 | PRIVATE, 0 };
	CHECK_ERROR(wait_many(v, 4, &past, CLOCK_MONOTONIC), ETIMEDOUT);
	CHECK_ERROR(wait_many(v, 4, &past, CLOCK_REALTIME), ETIMEDOUT);
	REQUIRE(!pthread_create(&thread, NULL, wake_third, NULL));
	CHECK_EQ(wait_many(v, 4, NULL, 0), 2);
	pthread_join(thread, NULL);
	CHECK_ERROR(wait_many(v, 4, NULL, 0), EAGAIN);
	v[2].value = 1;
	CHECK_ERROR(wait_many(v, 4, &past, CLOCK_BOOTTIME), EINVAL);
	CHECK_ERROR(wait_many(v, 4, &wrong, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERROR(wait_many(v, 4, check_bad_pointer(), CLOCK_MONOTONIC), EFAULT);
	CHECK_ERROR(wait_many(v, 0, &past, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERROR(wait_many(v, 129, &past, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERROR(wait_many(NULL, 1, &past, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERROR(wait_many(check_bad_pointer(), 1, &past, CLOCK_MONOTONIC), EFAULT);
	CHECK_ERROR(syscall(449, v, 4, 1, &past, CLOCK_MONOTONIC), EINVAL);
	v[3].flags = PRIVATE;
	CHECK_ERROR(wait_many(v, 4, &past, CLOCK_MONOTONIC), EINVAL);
	v[3].flags = 2;
	v[3].reserved = 1;
	CHECK_ERROR(wait_many(v, 4, &past, CLOCK_MONOTONIC), EINVAL);
	v[3].reserved = 0;
	v[3].address++;
	CHECK_ERROR(wait_many(v, 4, &past, CLOCK_MONOTONIC), EINVAL);
	v[3].address = 16;
	CHECK_ERROR(wait_many(v, 4, &past, CLOCK_MONOTONIC), EFAULT);
	v[3].address = (uintptr_t)&words[3];
	CHECK_ERROR(wait_many(v, 4, &past, CLOCK_MONOTONIC), ETIMEDOUT);
}

static void clock_state(void)
{
	struct timex t = { .modes = 0 };
	struct timespec now;

	int state = adjtimex(&t);
	CHECK(state >= 0 && state <= 5);
	CHECK_EQ(t.tick, 10000);
	CHECK_EQ(t.tolerance, 32768000);
	CHECK_EQ(state == 5, (t.status & STA_UNSYNC) != 0);
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK(now.tv_sec - t.time.tv_sec <= 600);
	CHECK_ERROR(syscall(SYS_adjtimex, check_bad_pointer()), EFAULT);
	CHECK_EQ(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &t) == state, 1);
	CHECK_ERROR(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &t), EOPNOTSUPP);
	CHECK_ERROR(syscall(SYS_clock_adjtime, 99, &t), EINVAL);
}

static void drop_capabilities(void)
{
	struct {
		uint32_t version;
		int pid;
	} header = { 0x20080522, 0 };
	struct {
		uint32_t effective, permitted, inheritable;
	} sets[2];

	REQUIRE(!syscall(SYS_capget, &header, sets));
	sets[0].effective = sets[1].effective = 0;
	REQUIRE(!syscall(SYS_capset, &header, sets));
}

/* Last, as it is for good. */
static void without_capabilities(void)
{
	int id = msgget(IPC_PRIVATE, 0600);
	struct msqid_ds ds;

	REQUIRE(id >= 0);
	REQUIRE(!msgctl(id, IPC_STAT, &ds));
	drop_capabilities();
	ds.msg_qbytes = 100;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	ds.msg_qbytes = 16384;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	ds.msg_qbytes = 1000000000;
	CHECK_ERROR(msgctl(id, IPC_SET, &ds), EPERM);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_ERROR(syscall(SYS_ioprio_set, 1, 0, 1 << 13), EPERM);
	CHECK_ERROR(adjtimex(&(struct timex){ .modes = ADJ_STATUS }), EPERM);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK_ERROR(syscall(SYS_clock_settime, CLOCK_REALTIME, &now), EPERM);
	CHECK_ERROR(syscall(SYS_settimeofday, &(struct timeval){ now.tv_sec, 0 }, NULL), EPERM);
	CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, BEST_EFFORT | 7), 0);
}

int main(void)
{
	io_priorities();
	own_program();
	futex_read_only();
	futex_many();
	clock_state();
	without_capabilities();
	return check_done("rarecalls");
}
