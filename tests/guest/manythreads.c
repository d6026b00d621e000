/* SPDX-License-Identifier: BSD-3-Clause */
/* manythreads COUNT: so many threads at once, all waiting; as many again one after the other; no more than the limit. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include "check.h"

static pthread_barrier_t all;
static long sum;

static void *meet(void *arg)
{
	pthread_barrier_wait(&all);
	__atomic_add_fetch(&sum, (long)arg, __ATOMIC_RELAXED);
	pthread_barrier_wait(&all);
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

static void test_at_once(long count, const pthread_attr_t *small)
{
	pthread_t *threads = malloc((size_t)count * sizeof(*threads));

	sum = 0;
	pthread_barrier_init(&all, NULL, (unsigned)count + 1);
	for (long i = 0; i < count; i++)
		REQUIRE(!pthread_create(&threads[i], small, meet, (void *)i));
	pthread_barrier_wait(&all);
	pthread_barrier_wait(&all);
	CHECK_EQ(sum, count * (count - 1) / 2);
	for (long i = 0; i < count; i++) {
		void *result;

		CHECK_EQ(pthread_join(threads[i], &result), 0);
		CHECK_EQ((long)result, i);
	}
	free(threads);
}

static unsigned long free_memory(void)
{
	struct sysinfo info;

	sysinfo(&info);
	return info.freeram;
}

static void test_one_by_one(long count, const pthread_attr_t *small)
{
	for (long i = 0; i < count; i++) {
		pthread_t thread;

		REQUIRE(!pthread_create(&thread, small, nothing, NULL));
		REQUIRE(!pthread_join(thread, NULL));
	}
}

/* As somebody who is not root, and must obey RLIMIT_NPROC. */
static void test_limit(const pthread_attr_t *small)
{
	const struct rlimit limit = { 8, 8 };
	pthread_t threads[16];
	int made = 0, err = 0;

	if (getuid() || setrlimit(RLIMIT_NPROC, &limit) || setuid(54321))
		return;
	pthread_barrier_init(&all, NULL, 8);
	while (!err && made < 16) {
		err = pthread_create(&threads[made], small, meet, NULL);
		made += !err;
	}
	CHECK_EQ(err, EAGAIN);
	CHECK_EQ(made, 7);
	pthread_barrier_wait(&all);
	pthread_barrier_wait(&all);
	for (int i = 0; i < made; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 100;
	pthread_attr_t small;
	unsigned long before;

	pthread_attr_init(&small);
	CHECK_EQ(pthread_attr_setstacksize(&small, 65536), 0);
	test_at_once(count, &small);
	before = free_memory();
	test_at_once(count, &small);
	test_one_by_one(count, &small);
	/* Other programs use memory too, where there are others. */
	CHECK(getpid() != 1 || free_memory() + (2 << 20) > before);
	test_limit(&small);
	return check_done("manythreads");
}
