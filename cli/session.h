/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * While the machine runs: its console is copied from and to the standard streams, signals and job
 * control are heeded, and its exit status is found.
 */
#pragma once

#include "child.h"

#include <base/compiler.h>

#include <stdbool.h>
#include <stddef.h>

/** Who takes what the console says, in place of standard output. */
struct console_sink {
	void (*take)(void *context, const char *bytes, size_t count);
	void *context;
};

struct session_setup {
	const char *vmm; /* its name, for messages */
	struct child *vm;
	int to_vm, from_vm; /* its console; both are closed */
	/* The machine's own end of from_vm, of a VMM that would rather lose output than wait for it to be taken: it is made to
	 * wait, once it runs. Is closed; -1: needless. */
	int far_end;
	bool terminal; /* standard input and output are one terminal, made raw meanwhile */
	bool wait;     /* until the VMM is gone; else its memory may yet have to be given back */
	const struct console_sink *sink; /* NULL: none */
};

/** Until the machine has ended. The command's exit status; all is reported. */
must_check int session_run(const struct session_setup *setup);

/** The exit status for signals_ending(), with a word about the timeout. */
int session_ending_status(void);
