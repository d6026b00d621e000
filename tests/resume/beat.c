/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program in the machine that drive.c stops and resumes: answers each line of input by one that begins with =. With "busy" as an argument it
 * never waits, and reads the clock all the time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#ifndef TFD_TIMER_CANCEL_ON_SET
#define TFD_TIMER_CANCEL_ON_SET 2
#endif

static int cancelled_fd, urandom_fd;
static volatile int64_t woken_at_ns; /* of the monotonic clock */
static int64_t last_ns;
static unsigned long went_back;

static int64_t ns_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int64_t ns_by_call(clockid_t clock)
{
	struct timespec t;

	syscall(SYS_clock_gettime, clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int64_t monotonic(void)
{
	int64_t now = ns_of(CLOCK_MONOTONIC);

	went_back += now < last_ns;
	last_ns = now;
	return now;
}

static void print_hex(int fd)
{
	unsigned char bytes[8];

	if ((fd < 0 ? getrandom(bytes, sizeof(bytes), 0) : read(fd, bytes, sizeof(bytes))) !=
	    sizeof(bytes))
		abort();
	for (unsigned i = 0; i < sizeof(bytes); i++)
		printf("%02x", bytes[i]);
}

/* Of the wall clock, so many seconds from now. */
static struct timespec wall_after(long seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += seconds;
	return t;
}

static void *sleep_until(void *arg)
{
	struct timespec *until = arg;

	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, until, NULL))
		;
	woken_at_ns = ns_of(CLOCK_MONOTONIC);
	return NULL;
}

static void start_sleeper(long seconds)
{
	static struct timespec until;
	pthread_t thread;

	until = wall_after(seconds);
	if (pthread_create(&thread, NULL, sleep_until, &until))
		abort();
}

static void start_timer(void)
{
	struct itimerspec spec = { .it_value = wall_after(100000) };

	cancelled_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	timerfd_settime(cancelled_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL);
}

static void print_clocks(void)
{
	long long now = monotonic(), wall = ns_of(CLOCK_REALTIME);
	long long wall_by_call = ns_by_call(CLOCK_REALTIME);

	printf("=clock %lld %lld %lld %lu\n", now, wall, wall_by_call, went_back);
}

static void answer(const char *line)
{
	uint64_t ticks;

	if (!strncmp(line, "clock", 5))
		print_clocks();
	else if (!strncmp(line, "random", 6)) {
		printf("=random ");
		print_hex(-1);
		printf(" ");
		print_hex(urandom_fd);
		printf("\n");
	} else if (!strncmp(line, "cancelled", 9))
		printf("=cancelled %d\n",
		       read(cancelled_fd, &ticks, sizeof(ticks)) < 0 && errno == ECANCELED);
	else if (!strncmp(line, "sleep ", 6)) {
		start_sleeper(atol(line + 6));
		printf("=sleep\n");
	} else if (!strncmp(line, "woken", 5))
		printf("=woken %lld\n", (long long)woken_at_ns);
	else
		exit(3);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const int timeout = argc > 1 && !strcmp(argv[1], "busy") ? 0 : -1;
	struct pollfd input = { 0, POLLIN, 0 };
	char line[64];
	size_t length = 0;

	urandom_fd = open("/dev/urandom", O_RDONLY);
	start_timer();
	puts("ready");
	fflush(stdout);
	for (;;) {
		monotonic();
		if (poll(&input, 1, timeout) <= 0)
			continue;
		if (read(0, line + length, 1) != 1)
			return 0;
		if (line[length] == '\n' || ++length == sizeof(line) - 1) {
			line[length] = '\0';
			answer(line);
			length = 0;
		}
	}
}
