/* SPDX-License-Identifier: BSD-3-Clause */
/* execve by one of several threads: the others end, whatever they do, and the program goes on as the process's only thread. */
#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

static int pipes[2];

static void *wait_for_ever(void *unused)
{
	char byte;

	CHECK_EQ(read(pipes[0], &byte, 1), -2); /* never returns */
	return unused;
}

static void *run_for_ever(void *unused)
{
	for (;;)
		*(volatile char *)&check_failures;
	return unused;
}

static void *replace(void *unused)
{
	CHECK(syscall(SYS_gettid) != getpid());
	execl("/proc/self/exe", "execthread", "again", NULL);
	perror("execl");
	return unused;
}

static int count_tasks(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int count = -2; /* . and .. */

	while (tasks && readdir(tasks))
		count++;
	return count;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	(void)argv;
	if (argc > 1) {
		CHECK_EQ(syscall(SYS_gettid), getpid());
		CHECK_EQ(count_tasks(), 1);
		return check_done("execthread");
	}
	REQUIRE(!pipe(pipes));
	for (int i = 0; i < 5; i++) {
		REQUIRE(!pthread_create(&thread, NULL, wait_for_ever, NULL));
		REQUIRE(!pthread_create(&thread, NULL, run_for_ever, NULL));
	}
	REQUIRE(!pthread_create(&thread, NULL, replace, NULL));
	pthread_join(thread, NULL);
	return 1;
}
