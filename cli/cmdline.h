/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's command line. What it cannot hold well goes into files of the image, which it names:
 * FILE_ARGS and FILE_ENV hold strings that end in NUL, argv[0] first; FILE_INIT is a link to the program.
 */
#pragma once

#include "options.h"
#include "program.h"
#include "text.h"

#define FILE_ARGS "/.capuchin/args"
#define FILE_ENV "/.capuchin/env"
#define FILE_INIT "/.capuchin/init"

struct cmdline {
	struct text line;
	struct text args_file, env_file; /* the files' contents; empty: not needed */
	bool init_link;                  /* FILE_INIT is needed */
};

/** What the standard streams are on the host; not known in `build`. */
struct streams {
	bool known;
	bool terminal;        /* input and output are one terminal, which is raw */
	bool output_terminal; /* output is a terminal */
};

/** Puts the line together, without the seed. `c` is to be freed. */
void cmdline_make(struct cmdline *c, const struct options *o, const struct program *p,
		  const struct streams *streams);

/** Puts `seed=`, with `bytes` in hexadecimal, and `wall=`, the time now, before everything else. */
void cmdline_add_start(struct cmdline *c, const unsigned char *seed, size_t bytes);

void cmdline_free(struct cmdline *c);

/** The variables that the program gets, "KEY=value": the defaults, then -e, which replaces them. */
void environment_make(struct strings *env, const struct strings *given, bool with_terminal);
