/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signal notes. State that handlers write has to be file-scope; it is all in `notes`.
 * SA_RESTART is not set: a blocked write to a stuck standard output has to end too.
 */
#include "signals.h"

#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static struct {
	atomic_int ending, stop, go_on; /* lock-free: fit for handlers */
	int read_fd, write_fd;
} notes = { .read_fd = -1, .write_fd = -1 };

static void wake(void)
{
	int saved = errno;
	/* A full pipe is as readable as it gets. */
	ssize_t written = write(notes.write_fd, "", 1);

	(void)written;
	errno = saved;
}

static void note_ending(int signal)
{
	int none = 0;

	atomic_compare_exchange_strong(&notes.ending, &none, signal); /* the first one counts */
	wake();
}

static void note_job(int signal)
{
	if (signal == SIGTSTP)
		notes.stop = 1;
	else
		notes.go_on = 1;
	wake();
}

static int handle(int signal, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigemptyset(&action.sa_mask);
	if (!sigaction(signal, &action, NULL))
		return 0;
	int err = errno;
	report("cannot handle signal %d: %s", signal, strerror(err));
	return -err;
}

/* nohup has to work: what was started with SIGHUP ignored keeps ignoring it, and so with its like. SIGINT and SIGTERM
 * end it whoever started it. */
static bool is_ignored(int signal)
{
	struct sigaction action;

	return !sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN;
}

int signals_init(void)
{
	/* All that would end this process by default and may come from a user or a limit. */
	static const int ending[] = { SIGINT,  SIGTERM, SIGALRM, SIGHUP,   SIGQUIT,
				      SIGUSR1, SIGUSR2, SIGXCPU, SIGVTALRM };
	const size_t always = 3;
	sigset_t taken;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK)) {
		int err = errno;
		report("cannot make a pipe: %s", strerror(err));
		return -err;
	}
	notes.read_fd = fds[0];
	notes.write_fd = fds[1];
	sigemptyset(&taken);
	for (size_t i = 0; i < countof(ending); i++) {
		if (i >= always && is_ignored(ending[i]))
			continue;
		int err = handle(ending[i], note_ending);
		if (err)
			return err;
		sigaddset(&taken, ending[i]);
	}
	sigprocmask(SIG_UNBLOCK, &taken, NULL);
	return handle(SIGPIPE, SIG_IGN);
}

int signals_fd(void)
{
	return notes.read_fd;
}

void signals_drain(void)
{
	char bytes[64];

	while (read(notes.read_fd, bytes, sizeof bytes) > 0)
		;
}

int signals_ending(void)
{
	return notes.ending;
}

int signals_set_alarm(uint64_t ms)
{
	struct itimerval timer = {
		.it_value = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (long)(ms % 1000) * 1000 },
	};

	if (!setitimer(ITIMER_REAL, &timer, NULL))
		return 0;
	int err = errno;
	report("cannot set a timer: %s", strerror(err));
	return -err;
}

int signals_watch_jobs(void)
{
	int err = is_ignored(SIGTSTP) ? 0 : handle(SIGTSTP, note_job);

	return err ? err : handle(SIGCONT, note_job);
}

bool signals_take_stop(void)
{
	return atomic_exchange(&notes.stop, 0);
}

bool signals_take_continue(void)
{
	return atomic_exchange(&notes.go_on, 0);
}

void signals_stop_self(void)
{
	kill(getpid(), SIGSTOP);
}
