/* SPDX-License-Identifier: BSD-3-Clause */
/* The subcommands. Each returns the command's exit status; everything is reported. */
#pragma once

#include "options.h"

int command_run(struct options *o);
int command_build(struct options *o);
