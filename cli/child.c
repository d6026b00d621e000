/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts, watches and ends other programs. */
#include "child.h"

#include "report.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ERR_BYTES_MAX = 64 * 1024 };
/* Above the numbers that the command's own descriptors have. */
enum { DESCRIPTORS_MAX = 4096 };

static bool inherits(const struct child_setup *setup, int fd)
{
	for (size_t i = 0; i < setup->inherit_count; i++) {
		if (setup->inherit[i] == fd)
			return true;
	}
	return false;
}

/* exec() does this by itself. */
static void close_others(const struct child_setup *setup)
{
	int first = STDERR_FILENO + 1;
	int fd = first;

	for (; fd < DESCRIPTORS_MAX; fd++) {
		if (!inherits(setup, fd))
			continue;
		if (fd > first)
			close_range((unsigned)first, (unsigned)fd - 1, 0);
		first = fd + 1;
	}
	close_range((unsigned)first, ~0U, 0);
}

static void adopt_streams(const struct child_setup *setup, int null, int err)
{
	dup2(setup->in >= 0 ? setup->in : null, STDIN_FILENO);
	dup2(setup->out >= 0 ? setup->out : null, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
}

/* Handlers would note the signals of the command, which are not for it. */
static void adopt_signals(const struct child_setup *setup)
{
	static const int handled[] = { SIGINT,  SIGTERM, SIGALRM, SIGHUP,    SIGQUIT, SIGUSR1,
				       SIGUSR2, SIGXCPU, SIGTSTP, SIGVTALRM, SIGCONT };
	sigset_t none;

	for (size_t i = 0; !setup->argv && i < countof(handled); i++)
		signal(handled[i], setup->survives ? SIG_IGN : SIG_DFL);
	signal(SIGPIPE, setup->survives ? SIG_IGN : SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: only async-signal-safe calls would matter with threads, of which there are none. */
static _Noreturn void become(const struct child_setup *setup, int null, int err, pid_t parent)
{
	if (!setup->survives)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!setup->survives && getppid() != parent)
		_exit(127); /* the command died before the line above */
	setsid();
	adopt_signals(setup);
	adopt_streams(setup, null, err);
	if (!setup->argv) {
		close_others(setup);
		_exit(setup->run(setup->arg));
	}
	for (size_t i = 0; i < setup->inherit_count; i++) {
		if (setup->inherit[i] >= 0)
			fcntl(setup->inherit[i], F_SETFD, 0);
	}
	if (setup->env[0])
		setenv(setup->env[0], setup->env[1], 1);
	execv(setup->argv[0], setup->argv);
	dprintf(STDERR_FILENO, "cannot be started: %s\n", strerror(errno));
	_exit(127);
}

int child_start(struct child *c, const struct child_setup *setup)
{
	int fds[2];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const char *what = setup->argv ? setup->argv[0] : "a process";

	*c = (struct child){ .err_fd = -1 };
	if (null < 0 || pipe2(fds, O_CLOEXEC)) {
		int err = errno;
		report("cannot start %s: %s", what, strerror(err));
		if (null >= 0)
			close(null);
		return -err;
	}
	pid_t self = getpid();
	c->pid = fork();
	if (c->pid == 0)
		become(setup, null, fds[1], self);
	int err = errno;
	close(null);
	close(fds[1]);
	if (c->pid > 0) {
		c->err_fd = fds[0];
		return 0;
	}
	c->pid = 0;
	close(fds[0]);
	report("cannot start %s: %s", what, strerror(err));
	return -err;
}

void child_read_err(struct child *c)
{
	char bytes[4096];
	ssize_t got = read(c->err_fd, bytes, sizeof bytes);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		close(c->err_fd);
		c->err_fd = -1;
	} else if (c->err.bytes < ERR_BYTES_MAX) {
		text_append(&c->err, bytes, (size_t)got);
	}
}

static int reap(struct child *c)
{
	int status = 0;

	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
	return status;
}

int child_wait(struct child *c)
{
	/* Its end is seen as the end of its standard error: unlike waitpid, that can be polled for. */
	while (c->err_fd >= 0) {
		struct pollfd polled[] = {
			{ .fd = c->err_fd, .events = POLLIN },
			{ .fd = signals_fd(), .events = POLLIN },
		};

		poll(polled, countof(polled), -1);
		signals_drain();
		if (signals_ending()) {
			child_kill(c);
			return -EINTR;
		}
		if (polled[0].revents)
			child_read_err(c);
	}
	return reap(c);
}

static void kill_session(const struct child *c)
{
	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL); /* for one whose session is not yet made */
}

void child_leave(struct child *c)
{
	if (c->pid > 0)
		kill_session(c);
	c->pid = 0;
}

void child_kill(struct child *c)
{
	if (c->pid > 0) {
		kill_session(c);
		reap(c);
	}
	if (c->err_fd >= 0)
		close(c->err_fd);
	c->err_fd = -1;
}

void child_reap(struct child *c)
{
	if (c->pid > 0)
		reap(c);
	child_kill(c);
	text_free(&c->err);
}

int child_run(const struct child_setup *setup, const char *who)
{
	struct child c;
	int err = child_start(&c, setup);
	if (err)
		return err;
	int status = child_wait(&c);
	err = status < 0 ? status : 0;
	if (status > 0) {
		report_lines(who, text_get(&c.err));
		if (WIFSIGNALED(status))
			report("%s was killed by signal %d", who, WTERMSIG(status));
		else
			report("%s failed with status %d", who, WEXITSTATUS(status));
		err = -EIO;
	}
	text_free(&c.err);
	return err;
}
