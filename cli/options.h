/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of `capuchin`. */
#pragma once

#include "disk.h"
#include "network.h"
#include "text.h"

#include <base/compiler.h>

#include <stdbool.h>
#include <stdint.h>

enum command { COMMAND_RUN, COMMAND_BUILD, COMMAND_SELFTEST };
enum accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };
enum machine { MACHINE_MICROVM, MACHINE_Q35, MACHINE_PC };
enum vmm_kind { VMM_QEMU, VMM_FIRECRACKER, VMM_CLOUD_HYPERVISOR, VMM_LIBKRUN, VMM_AUTO };

enum { CPUS_MAX = 32 };

struct options {
	enum command command;
	const char *output;     /* build: the file to write */
	uint64_t memory_bytes;  /* run; 0: not given */
	uint64_t timeout_ms;    /* run; 0: none */
	enum vmm_kind vmm;      /* in build with `bundle` */
	bool bundle;            /* build: a directory for the VMM, not an ISO */
	unsigned cpus;          /* at least 1 */
	enum accel accel;       /* run */
	enum machine machine;   /* run; QEMU's */
	bool machine_given;     /* run */
	bool pci;               /* Firecracker: devices on PCI */
	bool entropy, balloon;  /* there are such devices */
	uint64_t balloon_bytes; /* what the balloon takes at first */
	const char *vsock;      /* the host's end of AF_VSOCK, a Unix socket; NULL: no device */
	const char *metadata;   /* run; Firecracker: a file for its metadata service; NULL: none */
	const char *rootfs;     /* NULL: none */
	struct strings env;     /* "KEY=value" or "KEY", as given */
	struct strings additions;   /* "HOST[:GUEST]", as given */
	struct strings kernel_args; /* as given */
	struct network network;     /* run; in build only its address */
	struct disk *disks;         /* run */
	size_t disk_count;
	bool root_on_disk; /* run: the root image is the first disk, not in memory */
	bool devices;      /* run: no program, but a list of the machine's devices */
	bool selftest;     /* no program, but the kernel's test of itself */
	bool strace, verbose;
	char **args; /* the program and its arguments, NULL-terminated, in main's argv; empty with `devices`, `selftest` */
};

/** Whether there is a program, and so a root image. */
static inline bool options_have_program(const struct options *o)
{
	return !o->devices && !o->selftest;
}

enum options_verdict { OPTIONS_GO, OPTIONS_SHOWN, OPTIONS_WRONG };

/**
 * Reads a subcommand's words; argv[0] is the subcommand. COMMAND_SELFTEST becomes a COMMAND_RUN with `selftest`. OPTIONS_SHOWN: help was asked for and printed;
 * OPTIONS_WRONG: reported, with the hint where help is. `o` is to be freed in every case.
 */
must_check enum options_verdict options_parse(struct options *o, enum command command, int argc,
					      char **argv);
void options_free(struct options *o);

/** One more --disk. False: `word` is not one. */
must_check bool options_add_disk(struct options *o, const char *word);

/** "128", "64M", "1.5" is refused: a whole number of MiB, or of what the suffix K, M, G, T says. */
must_check bool parse_memory(const char *word, uint64_t *bytes);
/** Seconds above 0, also fractions. */
must_check bool parse_timeout(const char *word, uint64_t *ms);

const char *vmm_name(enum vmm_kind vmm);
/** The network that a machine of it has where one is wanted, and no --net says which. */
enum network_kind vmm_network(enum vmm_kind vmm);

void help_print_general(void);
void help_print(enum command command);
