/* SPDX-License-Identifier: BSD-3-Clause */
/* How a process of many threads ends, or becomes another program: the first argument says which way. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "check.h"

enum { SPINNING, READING, SLEEPING, WAITING, SUSPENDED, POLLING, KINDS, EACH = 5 };

static int pipes[2];
static volatile bool never;
static const char *way, *self;
static uint32_t word;

static void *be_busy(void *arg)
{
	char byte;
	sigset_t none;

	for (;;) {
		switch ((long)arg) {
		case SPINNING:
			while (!never)
				;
			break;
		case READING:
			CHECK(read(pipes[0], &byte, 1) < 0);
			break;
		case SLEEPING:
			sleep(1000);
			break;
		case WAITING:
			syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0);
			break;
		case SUSPENDED:
			sigemptyset(&none);
			sigsuspend(&none);
			break;
		default:
			syscall(SYS_pause);
		}
	}
	return NULL;
}

static void start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	REQUIRE(!pthread_create(&thread, NULL, fn, arg));
}

static void exit_thread(int status)
{
	for (;;)
		syscall(SYS_exit, status);
}

static void become(void)
{
	execl(self, self, "after", NULL);
	_exit(99);
}

/* In a thread that is not the leader. */
static void *act(void *arg)
{
	usleep(20000);
	if (!strcmp(way, "group"))
		syscall(SYS_exit_group, 9);
	else if (!strcmp(way, "signal"))
		kill(getpid(), SIGTERM);
	else if (!strcmp(way, "thread-signal"))
		pthread_kill(pthread_self(), SIGUSR1);
	else if (!strcmp(way, "fault"))
		*(volatile int *)check_bad_pointer() = 1;
	else if (!strcmp(way, "abort"))
		abort();
	else if (!strcmp(way, "exec") || !strcmp(way, "leader-exec"))
		become();
	else if (!strcmp(way, "leader"))
		exit_thread(7);
	return arg;
}

/* Two want to be the new program at once. */
static void *race_to_become(void *arg)
{
	usleep(10000);
	become();
	return arg;
}

int main(int argc, char **argv)
{
	self = argv[0];
	way = argc > 1 ? argv[1] : "";
	if (!strcmp(way, "after")) {
		printf("leader: %d\n", getpid() == (pid_t)syscall(SYS_gettid));
		printf("alone: %d\n", syscall(SYS_tgkill, getpid(), getpid() + 1, 0) < 0);
		return 5;
	}
	REQUIRE(!pipe(pipes));
	if (strcmp(way, "leader"))
		for (long i = 0; i < KINDS * EACH; i++)
			start(be_busy, (void *)(i % KINDS));
	if (!strcmp(way, "race"))
		for (int i = 0; i < 4; i++)
			start(race_to_become, NULL);
	else if (strcmp(way, "return"))
		start(act, NULL);
	if (!strncmp(way, "leader", 6))
		exit_thread(3);
	if (!strcmp(way, "return")) {
		usleep(20000);
		return 4;
	}
	for (;;)
		pause();
}
