/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Other programs that the command starts: each in a session of its own, so that the terminal's signals
 * do not reach it, ended by the kernel if the command dies, and with its standard error kept for reports.
 * Or not other programs, but functions of this one, in processes of their own.
 */
#pragma once

#include "text.h"

#include <base/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
	pid_t pid;  /* 0: none, or reaped */
	int err_fd; /* its standard error, to read; -1: none */
	struct text err;
};

struct child_setup {
	char *const *argv; /* argv[0] a path; NULL-terminated; NULL: no other program, but run() */
	int (*run)(const void *arg); /* returns its exit status */
	const void *arg;
	int in, out;        /* its standard input and output; -1: /dev/null */
	const int *inherit; /* more descriptors, under their own numbers; -1: none */
	size_t inherit_count;
	const char *env[2]; /* a variable's name and value for it, besides ours; NULL: none */
	bool survives;      /* it is not ended with the command, nor by its signals */
};

/** 0 or a negative errno. On success `c` is to be ended by child_wait() or child_kill(). */
must_check int child_start(struct child *c, const struct child_setup *setup);

/** Reads what has come on err_fd into c->err; closes it at its end. */
void child_read_err(struct child *c);

/**
 * Waits for its end, collecting its standard error. Its wait status, or -EINTR when a signal wants the
 * command ended: then it was killed.
 */
must_check int child_wait(struct child *c);

/** Ends it and all that it started without waiting until it is gone, which takes a moment. */
void child_leave(struct child *c);

/** Ends it and all that it started, and reaps it; nothing where it has ended. Leaves c->err. */
void child_kill(struct child *c);

/** Waits for its end, which is near. */
void child_reap(struct child *c);

/** Runs it to its end; a failure is reported with what it said as "who: ...". 0 or a negative errno. */
must_check int child_run(const struct child_setup *setup, const char *who);
