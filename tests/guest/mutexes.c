/* SPDX-License-Identifier: BSD-3-Clause */
/* Mutexes of every kind that the C library has: robust ones, with priority inheritance, shared, error-checking. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include "check.h"

enum { THREADS = 6, ROUNDS = 500 };

struct kind {
	int type, protocol, robust, shared;
};

static pthread_mutex_t *mutex;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static volatile long counter;

static void init(pthread_mutex_t *m, const struct kind *kind)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, kind->type);
	CHECK_EQ(pthread_mutexattr_setprotocol(&attributes, kind->protocol), 0);
	CHECK_EQ(pthread_mutexattr_setrobust(&attributes, kind->robust), 0);
	CHECK_EQ(pthread_mutexattr_setpshared(&attributes, kind->shared), 0);
	CHECK_EQ(pthread_mutex_init(m, &attributes), 0);
}

static void *count(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		long before;

		CHECK_EQ(pthread_mutex_lock(mutex), 0);
		before = counter;
		if (i % 10 == 0)
			sched_yield();
		counter = before + 1;
		CHECK_EQ(pthread_mutex_unlock(mutex), 0);
	}
	return arg;
}

static void *lock_and_end(void *arg)
{
	CHECK_EQ(pthread_mutex_lock(mutex), 0);
	if (arg)
		usleep(20000); /* others come to wait */
	return NULL;
}

static struct timespec in_ms(long ms)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += ms * 1000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

static void test_counting(const struct kind *kind)
{
	pthread_t threads[THREADS];

	counter = 0;
	for (int i = 0; i < THREADS; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, count, NULL));
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(counter, THREADS * ROUNDS);
	CHECK_EQ(pthread_mutex_trylock(mutex), 0);
	if (kind->type == PTHREAD_MUTEX_ERRORCHECK)
		CHECK_EQ(pthread_mutex_lock(mutex), EDEADLK);
	CHECK_EQ(pthread_mutex_unlock(mutex), 0);
}

static void *time_out(void *arg)
{
	struct timespec soon = in_ms(20);

	CHECK_EQ(pthread_mutex_timedlock(mutex, &soon), ETIMEDOUT);
	CHECK_EQ(pthread_mutex_trylock(mutex), EBUSY);
	return arg;
}

static void test_timeout(void)
{
	pthread_t thread;

	CHECK_EQ(pthread_mutex_lock(mutex), 0);
	REQUIRE(!pthread_create(&thread, NULL, time_out, NULL));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(pthread_mutex_unlock(mutex), 0);
}

static void *signal_condition(void *arg)
{
	CHECK_EQ(pthread_mutex_lock(mutex), 0);
	counter = 1;
	pthread_cond_broadcast(&condition);
	CHECK_EQ(pthread_mutex_unlock(mutex), 0);
	return arg;
}

static void test_condition(void)
{
	struct timespec soon = in_ms(20);
	pthread_t thread;

	counter = 0;
	CHECK_EQ(pthread_mutex_lock(mutex), 0);
	CHECK_EQ(pthread_cond_timedwait(&condition, mutex, &soon), ETIMEDOUT);
	REQUIRE(!pthread_create(&thread, NULL, signal_condition, NULL));
	while (!counter)
		CHECK_EQ(pthread_cond_wait(&condition, mutex), 0);
	CHECK_EQ(pthread_mutex_unlock(mutex), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void test_dead_owner(long others_wait)
{
	pthread_t thread;
	int got = 0;

	REQUIRE(!pthread_create(&thread, NULL, lock_and_end, (void *)others_wait));
	if (others_wait)
		while (!(got = pthread_mutex_trylock(mutex))) {
			pthread_mutex_unlock(mutex);
			usleep(1000);
		}
	else
		CHECK_EQ(pthread_join(thread, NULL), 0);
	/* On a busy machine the owner may be dead by the time it is seen to have had the lock. */
	CHECK_EQ(got == EOWNERDEAD ? got : pthread_mutex_lock(mutex), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(mutex), 0);
	CHECK_EQ(pthread_mutex_unlock(mutex), 0);
	CHECK_EQ(pthread_mutex_lock(mutex), 0);
	CHECK_EQ(pthread_mutex_unlock(mutex), 0);
	if (others_wait)
		CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void test_not_recoverable(void)
{
	pthread_t thread;

	REQUIRE(!pthread_create(&thread, NULL, lock_and_end, NULL));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_unlock(mutex), 0);
	CHECK_EQ(pthread_mutex_lock(mutex), ENOTRECOVERABLE);
}

static void test_kind(const struct kind *kind)
{
	init(mutex, kind);
	test_counting(kind);
	test_timeout();
	test_condition();
	if (kind->robust == PTHREAD_MUTEX_ROBUST) {
		test_dead_owner(0);
		test_dead_owner(1);
		test_not_recoverable();
	}
	pthread_mutex_destroy(mutex);
}

int main(void)
{
	static const int types[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ERRORCHECK,
				     PTHREAD_MUTEX_RECURSIVE };
	static pthread_mutex_t private_mutex;
	pthread_mutex_t *shared_mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	REQUIRE(shared_mutex != MAP_FAILED);
	for (unsigned i = 0; i < 24; i++) {
		const struct kind kind = {
			.type = types[i % 3],
			.protocol = i / 3 % 2 ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE,
			.robust = i / 6 % 2 ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED,
			.shared = i / 12 ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE,
		};

		mutex = i / 12 ? shared_mutex : &private_mutex;
		test_kind(&kind);
	}
	return check_done("mutexes");
}
