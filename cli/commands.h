/* SPDX-License-Identifier: BSD-3-Clause */
/* The subcommands. Each returns the command's exit status; everything is reported. */
#pragma once

#include "options.h"
#include "session.h"

int command_run(struct options *o);
int command_build(struct options *o);
int command_selftest(struct options *o);

/** Runs the machine as command_run() does. What its console says goes to `sink`; NULL: to standard output. */
int run_machine(struct options *o, const struct console_sink *sink);
