/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * While the machine runs: its console is copied from and to the standard streams, signals and job
 * control are heeded, and its exit status is found.
 */
#pragma once

#include "child.h"

#include <base/compiler.h>

#include <stdbool.h>

struct session_setup {
	struct child *vm;
	int to_vm, from_vm; /* its console; both are closed */
	bool terminal;      /* standard input and output are one terminal, made raw meanwhile */
};

/** Until the machine has ended. The command's exit status; all is reported, the machine is gone. */
must_check int session_run(const struct session_setup *setup);

/** The exit status for signals_ending(), with a word about the timeout. */
int session_ending_status(void);
