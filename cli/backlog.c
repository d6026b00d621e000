/* SPDX-License-Identifier: BSD-3-Clause */
/* Gets at a child's listening sockets, and has them listen again. */
#include "backlog.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 1000, ROUND_NS = 5000000 };
enum { BACKLOG = 4096 }; /* the host's net.core.somaxconn counts more */

static bool is_published(const struct network *n, const struct sockaddr_in *at)
{
	for (size_t i = 0; i < n->published_count; i++) {
		const struct publish *p = &n->published[i];

		if (!p->udp && htons(p->host_port) == at->sin_port &&
		    p->host.s_addr == at->sin_addr.s_addr)
			return true;
	}
	return false;
}

/* Whether it was one of them. */
static bool widen(int fd, const struct network *n)
{
	struct sockaddr_in at = { 0 };
	socklen_t bytes = sizeof at, flag_bytes = sizeof(int);
	int listens = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &flag_bytes) || !listens ||
	    getsockname(fd, (struct sockaddr *)&at, &bytes) || at.sin_family != AF_INET)
		return false;
	return is_published(n, &at) && !listen(fd, BACKLOG);
}

/* How many of the process's sockets were widened; -1: they cannot be had. */
static int widen_all(int pidfd, DIR *fds, const struct network *n)
{
	int count = 0;

	rewinddir(fds);
	for (const struct dirent *entry; (entry = readdir(fds)) != NULL;) {
		char target[16] = "";

		if (readlinkat(dirfd(fds), entry->d_name, target, sizeof target - 1) < 7 ||
		    strncmp(target, "socket:", 7))
			continue;
		int fd = (int)syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name), 0);
		if (fd < 0 && (errno == EPERM || errno == ENOSYS))
			return -1;
		if (fd < 0)
			continue; /* closed meanwhile */
		count += widen(fd, n);
		close(fd);
	}
	return count;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

static void wait_for_ports(pid_t vm, int pidfd, const struct network *n)
{
	const struct timespec round = { .tv_nsec = ROUND_NS };
	char path[32];
	int wanted = 0;

	for (size_t i = 0; i < n->published_count; i++)
		wanted += !n->published[i].udp;
	snprintf(path, sizeof path, "/proc/%d/fd", (int)vm);
	DIR *fds = wanted ? opendir(path) : NULL;
	if (!fds)
		return;
	for (int i = 0; i < ROUNDS && !has_ended(vm); i++) {
		int count = widen_all(pidfd, fds, n);

		if (count < 0 || count >= wanted)
			break;
		nanosleep(&round, NULL);
	}
	closedir(fds);
}

void backlog_widen(pid_t vm, const struct network *n)
{
	int pidfd = (int)syscall(SYS_pidfd_open, vm, 0);

	if (pidfd < 0)
		return;
	wait_for_ports(vm, pidfd, n);
	close(pidfd);
}
