/* SPDX-License-Identifier: BSD-3-Clause */
/* futex(2) itself, without a library around it: what each operation returns, and who wakes. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "check.h"

enum {
	WAIT,
	WAKE,
	REQUEUE = 3,
	CMP_REQUEUE,
	WAKE_OP,
	LOCK_PI,
	UNLOCK_PI,
	TRYLOCK_PI,
	WAIT_BITSET,
	WAKE_BITSET,
	WAIT_REQUEUE_PI,
	CMP_REQUEUE_PI,
	LOCK_PI2,
	PRIVATE = 128,
	REALTIME = 256
};
#define TID_MASK 0x3fffffffu
#define OWNER_DIED 0x40000000u
#define WAITERS 0x80000000u

static uint32_t word, second;

static long futex(uint32_t *address, int operation, uint32_t value, const void *timeout,
		  uint32_t *other, uint32_t third)
{
	return syscall(SYS_futex, address, operation, value, timeout, other, third);
}

static uint32_t load(const uint32_t *address)
{
	return __atomic_load_n(address, __ATOMIC_SEQ_CST);
}

static uint32_t tid(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

static void test_errors(void)
{
	const struct timespec bad = { 0, 1000000000 }, negative = { -1, 0 }, now = { 0, 0 };
	uint32_t *odd = (uint32_t *)((char *)&word + 2);

	word = 1;
	CHECK_ERROR(futex(&word, WAIT, 0, NULL, NULL, 0), EAGAIN);
	CHECK_ERROR(futex(&word, WAIT | PRIVATE, 0, NULL, NULL, 0), EAGAIN);
	CHECK_ERROR(futex(odd, WAIT, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERROR(futex(odd, WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERROR(futex(&word, REQUEUE, 1, (void *)1, odd, 0), EINVAL);
	CHECK_ERROR(futex((void *)64, WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERROR(futex((void *)64, WAIT | PRIVATE, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERROR(futex((void *)64, WAKE, 1, NULL, NULL, 0), EFAULT);
	CHECK_EQ(futex((void *)64, WAKE | PRIVATE, 1, NULL, NULL, 0), 0);
	CHECK_ERROR(futex((void *)(-4096ul), WAKE | PRIVATE, 1, NULL, NULL, 0), EFAULT);
	CHECK_ERROR(futex(&word, WAIT, 1, &bad, NULL, 0), EINVAL);
	CHECK_ERROR(futex(&word, WAIT, 1, &negative, NULL, 0), EINVAL);
	CHECK_ERROR(futex(&word, WAIT, 1, check_bad_pointer(), NULL, 0), EFAULT);
	CHECK_ERROR(futex(&word, WAIT, 1, &now, NULL, 0), ETIMEDOUT);
	CHECK_ERROR(futex(&word, WAIT_BITSET, 1, &now, NULL, 0), EINVAL);
	CHECK_ERROR(futex(&word, WAIT_BITSET, 1, &now, NULL, 1), ETIMEDOUT);
	CHECK_ERROR(futex(&word, WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERROR(futex(&word, WAKE | REALTIME, 1, NULL, NULL, 0), ENOSYS);
	CHECK_ERROR(futex(&word, LOCK_PI | REALTIME, 1, NULL, NULL, 0), ENOSYS);
	CHECK_ERROR(futex(&word, 2, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERROR(futex(&word, 14, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERROR(futex(&word, CMP_REQUEUE, 1, (void *)1, &second, 0), EAGAIN);
	CHECK_ERROR(futex(&word, REQUEUE, -1, (void *)1, &second, 0), EINVAL);
	CHECK_ERROR(futex(&word, REQUEUE, 1, (void *)-1l, &second, 0), EINVAL);
	CHECK_EQ(futex(&word, WAKE, 1, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&word, REQUEUE, 1, (void *)1, &second, 0), 0);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static struct timespec to_time(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
}

static void test_timeouts(void)
{
	enum { MS = 1000000 };
	struct timespec time = to_time(20 * MS);
	uint64_t start = now_ns(CLOCK_MONOTONIC);

	word = 5;
	CHECK_ERROR(futex(&word, WAIT, 5, &time, NULL, 0), ETIMEDOUT);
	CHECK(now_ns(CLOCK_MONOTONIC) - start >= 20 * MS);
	start = now_ns(CLOCK_MONOTONIC);
	time = to_time(start + 20 * MS);
	CHECK_ERROR(futex(&word, WAIT_BITSET, 5, &time, NULL, 1), ETIMEDOUT);
	CHECK(now_ns(CLOCK_MONOTONIC) >= start + 20 * MS);
	start = now_ns(CLOCK_REALTIME);
	time = to_time(start + 20 * MS);
	CHECK_ERROR(futex(&word, WAIT_BITSET | REALTIME, 5, &time, NULL, 1), ETIMEDOUT);
	CHECK(now_ns(CLOCK_REALTIME) >= start + 20 * MS);
}

/* --- those who wait --- */

struct waiter {
	pthread_t thread;
	uint32_t *address, *lock;
	int operation;
	uint32_t value, bits;
	uint32_t tid;
	long result;
	int error;
	bool done;
};

static void *wait_once(void *arg)
{
	struct waiter *w = arg;

	__atomic_store_n(&w->tid, tid(), __ATOMIC_SEQ_CST);
	w->result = futex(w->address, w->operation, w->value, NULL, w->lock, w->bits);
	w->error = errno;
	__atomic_store_n(&w->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Until a thread sleeps. */
static void await_sleep(uint32_t id)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/self/task/%u/stat", id);
	for (int i = 0; i < 5000; i++) {
		FILE *file = fopen(path, "r");
		size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
		const char *end;

		if (file)
			fclose(file);
		text[n] = 0;
		end = strrchr(text, ')');
		if (end && end[2] == 'S')
			return;
		usleep(1000);
	}
	CHECK(!"a thread sleeps");
}

static void start(struct waiter *w, uint32_t *address, int operation, uint32_t value, uint32_t bits)
{
	*w = (struct waiter){ .address = address,
			      .lock = w->lock,
			      .operation = operation,
			      .value = value,
			      .bits = bits };
	REQUIRE(!pthread_create(&w->thread, NULL, wait_once, w));
	while (!load(&w->tid))
		usleep(100);
	await_sleep(load(&w->tid));
}

static void finish(struct waiter *w, long result)
{
	CHECK_EQ(pthread_join(w->thread, NULL), 0);
	CHECK_EQ(w->result, result);
}

static void test_wake(int sharing)
{
	struct waiter w[4] = { 0 };

	word = 1;
	for (int i = 0; i < 4; i++)
		start(&w[i], &word, WAIT | sharing, 1, 0);
	CHECK_EQ(futex(&second, WAKE | sharing, 9, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&word, WAKE | sharing, 1, NULL, NULL, 0), 1);
	finish(&w[0], 0); /* the oldest */
	CHECK_EQ(futex(&word, WAKE | sharing, 0, NULL, NULL, 0), 1);
	finish(&w[1], 0);
	CHECK_EQ(futex(&word, WAKE | sharing, INT32_MAX, NULL, NULL, 0), 2);
	finish(&w[2], 0);
	finish(&w[3], 0);
}

static void test_bits(void)
{
	struct waiter w[3] = { 0 };

	word = 1;
	start(&w[0], &word, WAIT_BITSET, 1, 1);
	start(&w[1], &word, WAIT_BITSET, 1, 2);
	start(&w[2], &word, WAIT_BITSET, 1, 6);
	CHECK_EQ(futex(&word, WAKE_BITSET, 9, NULL, NULL, 8), 0);
	CHECK_EQ(futex(&word, WAKE_BITSET, 9, NULL, NULL, 4), 1);
	finish(&w[2], 0);
	CHECK_EQ(futex(&word, WAKE_BITSET, 9, NULL, NULL, -1), 2);
	finish(&w[0], 0);
	finish(&w[1], 0);
}

static void test_requeue(void)
{
	struct waiter w[5] = { 0 };

	word = 1, second = 2;
	for (int i = 0; i < 5; i++)
		start(&w[i], &word, WAIT, 1, 0);
	CHECK_EQ(futex(&word, CMP_REQUEUE, 1, (void *)2, &second, 1), 3);
	finish(&w[0], 0);
	CHECK_EQ(futex(&second, WAKE, 9, NULL, NULL, 0), 2);
	finish(&w[1], 0);
	finish(&w[2], 0);
	CHECK_EQ(futex(&word, REQUEUE, 0, (void *)9, &second, 0), 2);
	CHECK_EQ(futex(&word, WAKE, 9, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&second, REQUEUE, 0, (void *)9, &second, 0), 2);
	CHECK_EQ(futex(&second, WAKE, 9, NULL, NULL, 0), 2);
	finish(&w[3], 0);
	finish(&w[4], 0);
}

static uint32_t encode(unsigned operation, unsigned comparison, unsigned argument, unsigned against)
{
	return operation << 28 | comparison << 24 | (argument & 0xfff) << 12 | (against & 0xfff);
}

static void test_wake_operation(void)
{
	static const struct {
		uint32_t before, code, after;
		bool holds;
	} cases[] = {
		{ 7, 0x00000000, 0, false },  { 0, 0x00000000, 0, true },
		{ 7, 0x1000f007, 22, true },  { 7, 0x11001007, 8, false },
		{ 8, 0x21001007, 9, true },   { 15, 0x32003010, 12, true },
		{ 5, 0x43003005, 6, true },   { 5, 0x14fff004, 4, true },
		{ 5, 0x85004006, 16, false }, { 5, 0xa5004005, 21, true },
	};
	struct waiter w[2] = { 0 };

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		word = 1, second = 1;
		start(&w[0], &word, WAIT, 1, 0);
		start(&w[1], &second, WAIT, 1, 0);
		second = cases[i].before;
		CHECK_EQ(futex(&word, WAKE_OP, 1, (void *)1, &second, cases[i].code),
			 1 + cases[i].holds);
		CHECK_EQ(second, cases[i].after);
		finish(&w[0], 0);
		if (!cases[i].holds)
			CHECK_EQ(futex(&second, WAKE, 1, NULL, NULL, 0), 1);
		finish(&w[1], 0);
	}
	CHECK_ERROR(futex(&word, WAKE_OP, 1, (void *)1, &second, encode(5, 0, 0, 0)), ENOSYS);
	CHECK_ERROR(futex(&word, WAKE_OP, 1, (void *)1, &second, encode(0, 6, 0, 0)), ENOSYS);
	CHECK_ERROR(futex(&word, WAKE_OP, 1, (void *)1, (void *)64, 0), EFAULT);
}

/* Two mappings of one page are one word for shared operations only. */
static void test_shared_memory(void)
{
	int fd = memfd_create("words", 0);
	struct waiter w = { 0 };
	uint32_t *a, *b;

	REQUIRE(fd >= 0 && !ftruncate(fd, 8192));
	a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	REQUIRE(a != MAP_FAILED && b != MAP_FAILED);
	a[1024] = 3;
	start(&w, &b[0], WAIT, 3, 0);
	CHECK_EQ(futex(&a[0], WAKE, 9, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&a[1024], WAKE | PRIVATE, 9, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&a[1024], WAKE, 9, NULL, NULL, 0), 1);
	finish(&w, 0);
	/* Who waits goes on waiting where its mapping was. */
	start(&w, &b[0], WAIT, 3, 0);
	munmap(b, 4096);
	close(fd);
	CHECK_EQ(futex(&a[1024], WAKE, 9, NULL, NULL, 0), 1);
	finish(&w, 0);
	munmap(a, 8192);
}

static volatile int signals;

static void count_signal(int signo)
{
	(void)signo;
	signals++;
}

static void test_interruption(void)
{
	struct sigaction action = { .sa_handler = count_signal };
	struct itimerval soon = { .it_value.tv_usec = 20000 };
	struct timespec time = { 0, 60000000 };
	struct waiter w = { 0 };

	word = 1;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK_ERROR(futex(&word, WAIT, 1, NULL, NULL, 0), EINTR);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK_ERROR(futex(&word, WAIT, 1, &time, NULL, 0), EINTR);
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK_ERROR(futex(&word, WAIT, 1, &time, NULL, 0), EINTR); /* by restart_syscall: never */
	start(&w, &word, WAIT, 1, 0);
	pthread_kill(w.thread, SIGALRM);
	usleep(10000);
	CHECK(!w.done); /* started again */
	CHECK_EQ(futex(&word, WAKE, 1, NULL, NULL, 0), 1);
	finish(&w, 0);
	CHECK_EQ(signals, 4);
}

/* --- locks with priority inheritance --- */

static void test_lock_alone(void)
{
	uint32_t me = tid();
	struct timespec time = to_time(now_ns(CLOCK_REALTIME) + 20000000);

	word = 0;
	CHECK_EQ(futex(&word, LOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_EQ(word, me);
	CHECK_ERROR(futex(&word, LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK_ERROR(futex(&word, TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK_EQ(futex(&word, UNLOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_EQ(word, 0);
	CHECK_ERROR(futex(&word, UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
	CHECK_EQ(futex(&word, TRYLOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&word, UNLOCK_PI, 0, NULL, NULL, 0), 0);
	word = 3999999;
	CHECK_ERROR(futex(&word, LOCK_PI, 0, &time, NULL, 0), ESRCH);
	word = OWNER_DIED;
	CHECK_EQ(futex(&word, LOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_EQ(word, OWNER_DIED | me);
	word = 0;
	CHECK_ERROR(futex((void *)64, LOCK_PI, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERROR(futex((void *)64, UNLOCK_PI, 0, NULL, NULL, 0), EFAULT);
}

static void test_lock_contended(void)
{
	uint32_t me = tid();
	struct waiter w[3] = { 0 };

	word = 0;
	CHECK_EQ(futex(&word, LOCK_PI, 0, NULL, NULL, 0), 0);
	start(&w[0], &word, LOCK_PI, 0, 0);
	CHECK_EQ(word, me | WAITERS);
	start(&w[1], &word, LOCK_PI2, 0, 0);
	CHECK_ERROR(futex(&word, WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK_EQ(futex(&word, UNLOCK_PI, 0, NULL, NULL, 0), 0);
	finish(&w[0], 0);
	/* It has ended with the lock, which nobody told Linux to be robust about. */
	finish(&w[1], 0);
	CHECK_EQ(word & TID_MASK, w[1].tid);
	CHECK(word & OWNER_DIED);
}

static uint32_t first_lock, second_lock;
static volatile int locked;

static void *lock_in_order(void *arg)
{
	CHECK_EQ(futex(&second_lock, LOCK_PI, 0, NULL, NULL, 0), 0);
	__atomic_store_n((uint32_t *)arg, tid(), __ATOMIC_SEQ_CST);
	locked = 1;
	CHECK_EQ(futex(&first_lock, LOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&first_lock, UNLOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&second_lock, UNLOCK_PI, 0, NULL, NULL, 0), 0);
	return NULL;
}

static void test_circle(void)
{
	struct timespec soon = to_time(now_ns(CLOCK_REALTIME) + 30000000);
	uint32_t id = 0;
	pthread_t thread;

	CHECK_EQ(futex(&first_lock, LOCK_PI, 0, NULL, NULL, 0), 0);
	REQUIRE(!pthread_create(&thread, NULL, lock_in_order, &id));
	while (!locked)
		usleep(1000);
	await_sleep(load(&id));
	CHECK_ERROR(futex(&second_lock, LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK_EQ(futex(&first_lock, UNLOCK_PI, 0, NULL, NULL, 0), 0);
	pthread_join(thread, NULL);
	CHECK_EQ(first_lock & TID_MASK, 0);
	CHECK_EQ(second_lock & TID_MASK, 0);
	(void)soon;
}

static void *hold_lock(void *arg)
{
	CHECK_EQ(futex(&word, LOCK_PI, 0, NULL, NULL, 0), 0);
	locked = 1;
	while (locked == 1)
		usleep(1000);
	CHECK_EQ(futex(&word, UNLOCK_PI, 0, NULL, NULL, 0), 0);
	return arg;
}

static void test_lock_timeout(void)
{
	struct timespec time;
	pthread_t thread;

	word = 0, locked = 0;
	REQUIRE(!pthread_create(&thread, NULL, hold_lock, NULL));
	while (!locked)
		usleep(1000);
	time = to_time(now_ns(CLOCK_REALTIME) + 20000000);
	CHECK_ERROR(futex(&word, LOCK_PI, 0, &time, NULL, 0), ETIMEDOUT);
	time = to_time(now_ns(CLOCK_MONOTONIC) + 20000000);
	CHECK_ERROR(futex(&word, LOCK_PI2, 0, &time, NULL, 0), ETIMEDOUT);
	CHECK_ERROR(futex(&word, TRYLOCK_PI, 0, NULL, NULL, 0), EAGAIN);
	CHECK_ERROR(futex(&word, UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
	locked = 2;
	pthread_join(thread, NULL);
	CHECK_EQ(word & TID_MASK, 0);
}

/* Two wait for a word, and are moved on to a lock. */
static void test_requeue_to_lock(void)
{
	struct waiter w[2] = { { .lock = &second }, { .lock = &second } };
	uint32_t me = tid();

	word = 1, second = 0;
	CHECK_ERROR(futex(&word, WAIT_REQUEUE_PI, 1, NULL, &word, 0), EINVAL);
	CHECK_ERROR(futex(&word, WAIT_REQUEUE_PI, 2, NULL, &second, 0), EAGAIN);
	CHECK_ERROR(futex(&word, CMP_REQUEUE_PI, 2, (void *)1, &second, 1), EINVAL);
	CHECK_ERROR(futex(&word, CMP_REQUEUE_PI, 1, (void *)1, &word, 1), EINVAL);
	CHECK_ERROR(futex(&word, CMP_REQUEUE_PI, 1, (void *)1, &second, 2), EAGAIN);
	CHECK_EQ(futex(&word, CMP_REQUEUE_PI, 1, (void *)1, &second, 1), 0);
	for (int i = 0; i < 2; i++)
		start(&w[i], &word, WAIT_REQUEUE_PI, 1, 0);
	CHECK_ERROR(futex(&word, WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK_EQ(futex(&second, LOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&word, CMP_REQUEUE_PI, 1, (void *)9, &second, 1), 2);
	CHECK_EQ(second, me | WAITERS);
	CHECK(!w[0].done && !w[1].done);
	CHECK_EQ(futex(&second, UNLOCK_PI, 0, NULL, NULL, 0), 0);
	finish(&w[0], 0);
	finish(&w[1], 0); /* the first ended with the lock */
	/* Nobody owns the lock: the first gets it at once. */
	second = 0;
	start(&w[0], &word, WAIT_REQUEUE_PI, 1, 0);
	CHECK_EQ(futex(&word, CMP_REQUEUE_PI, 1, (void *)0, &second, 1), 1);
	finish(&w[0], 0);
	CHECK_EQ(second & TID_MASK, w[0].tid);
}

int main(void)
{
	test_errors();
	test_timeouts();
	test_wake(0);
	test_wake(PRIVATE);
	test_bits();
	test_requeue();
	test_wake_operation();
	test_shared_memory();
	test_interruption();
	test_lock_alone();
	test_lock_contended();
	test_circle();
	test_lock_timeout();
	test_requeue_to_lock();
	return check_done("futex");
}
