/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of `capuchin`. */
#pragma once

#include "disk.h"
#include "network.h"
#include "text.h"

#include <base/compiler.h>

#include <stdbool.h>
#include <stdint.h>

enum command { COMMAND_RUN, COMMAND_BUILD };
enum accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };
enum machine { MACHINE_MICROVM, MACHINE_Q35, MACHINE_PC };

struct options {
	enum command command;
	const char *output;         /* build: the file to write */
	uint64_t memory_bytes;      /* run; 0: not given */
	uint64_t timeout_ms;        /* run; 0: none */
	enum accel accel;           /* run */
	enum machine machine;       /* run */
	const char *rootfs;         /* NULL: none */
	struct strings env;         /* "KEY=value" or "KEY", as given */
	struct strings additions;   /* "HOST[:GUEST]", as given */
	struct strings kernel_args; /* as given */
	struct network network;     /* run; in build only its address */
	struct disk *disks;         /* run */
	size_t disk_count;
	bool root_on_disk; /* run: the root image is the first disk, not in memory */
	bool devices;      /* run: no program, but a list of the machine's devices */
	bool strace, verbose;
	char **args; /* the program and its arguments, NULL-terminated, in main's argv; empty with `devices` */
};

enum options_verdict { OPTIONS_GO, OPTIONS_SHOWN, OPTIONS_WRONG };

/**
 * Reads a subcommand's words; argv[0] is the subcommand. OPTIONS_SHOWN: help was asked for and printed;
 * OPTIONS_WRONG: reported, with the hint where help is. `o` is to be freed in every case.
 */
must_check enum options_verdict options_parse(struct options *o, enum command command, int argc,
					      char **argv);
void options_free(struct options *o);

/** "128", "64M", "1.5" is refused: a whole number of MiB, or of what the suffix K, M, G, T says. */
must_check bool parse_memory(const char *word, uint64_t *bytes);
/** Seconds above 0, also fractions. */
must_check bool parse_timeout(const char *word, uint64_t *ms);

void help_print_general(void);
void help_print(enum command command);
