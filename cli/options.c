/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the options of `run` and `build`. */
#include "options.h"

#include "report.h"

#include <base/bits.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_UNIT ((uint64_t)1 << 20)
#define TIMEOUT_MAX_S 1e9

/* Long options without a short one. */
enum { OPT_ACCEL = 256, OPT_MACHINE, OPT_ROOTFS, OPT_ADD, OPT_TIMEOUT, OPT_KERNEL_ARG, OPT_STRACE };

static const struct option run_options[] = {
	{ "memory", required_argument, NULL, 'm' },
	{ "env", required_argument, NULL, 'e' },
	{ "accel", required_argument, NULL, OPT_ACCEL },
	{ "machine", required_argument, NULL, OPT_MACHINE },
	{ "rootfs", required_argument, NULL, OPT_ROOTFS },
	{ "add", required_argument, NULL, OPT_ADD },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "kernel-arg", required_argument, NULL, OPT_KERNEL_ARG },
	{ "strace", no_argument, NULL, OPT_STRACE },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const struct option build_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "env", required_argument, NULL, 'e' },
	{ "rootfs", required_argument, NULL, OPT_ROOTFS },
	{ "add", required_argument, NULL, OPT_ADD },
	{ "kernel-arg", required_argument, NULL, OPT_KERNEL_ARG },
	{ "strace", no_argument, NULL, OPT_STRACE },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const char *command_name(enum command command)
{
	return command == COMMAND_RUN ? "run" : "build";
}

static bool wrong_value(const char *option, const char *value, const char *wanted)
{
	report("invalid value '%s' for '%s': %s", value, option, wanted);
	return false;
}

bool parse_memory(const char *word, uint64_t *bytes)
{
	char *end;
	unsigned shift = 20;

	if (word[0] < '0' || word[0] > '9')
		return false;
	errno = 0;
	unsigned long long number = strtoull(word, &end, 10);
	if (errno)
		return false;
	if (*end) {
		static const char suffixes[] = "KkMmGgTt";
		const char *suffix = strchr(suffixes, *end);

		if (!suffix || end[1])
			return false;
		shift = 10 * ((unsigned)(suffix - suffixes) / 2 + 1);
	}
	if (!number || mul_overflows((uint64_t)number, BIT64(shift), bytes))
		return false;
	*bytes = align_up(*bytes, MEMORY_UNIT); /* QEMU has units too */
	return *bytes;
}

bool parse_timeout(const char *word, uint64_t *ms)
{
	char *end;
	double seconds = strtod(word, &end);

	if (end == word || *end || !(seconds > 0) || seconds > TIMEOUT_MAX_S)
		return false;
	*ms = max((uint64_t)(seconds * 1000 + 0.999), (uint64_t)1); /* 0 would mean none */
	return true;
}

/* The index of `word` among `choices`, or -1. */
static int choose(const char *word, const char *const choices[], int count)
{
	for (int i = 0; i < count; i++) {
		if (!strcmp(word, choices[i]))
			return i;
	}
	return -1;
}

static bool take_accel(struct options *o, const char *word)
{
	static const char *const names[] = {
		[ACCEL_AUTO] = "auto",
		[ACCEL_KVM] = "kvm",
		[ACCEL_TCG] = "tcg",
	};
	int accel = choose(word, names, countof(names));

	if (accel < 0)
		return wrong_value("--accel", word, "auto, kvm or tcg");
	o->accel = (enum accel)accel;
	return true;
}

static bool take_machine(struct options *o, const char *word)
{
	static const char *const names[] = {
		[MACHINE_MICROVM] = "microvm",
		[MACHINE_Q35] = "q35",
		[MACHINE_PC] = "pc",
	};
	int machine = choose(word, names, countof(names));

	if (machine < 0)
		return wrong_value("--machine", word, "microvm, q35 or pc");
	o->machine = (enum machine)machine;
	return true;
}

static bool take_env(struct options *o, const char *word)
{
	if (!word[0] || word[0] == '=')
		return wrong_value("--env", word, "KEY=value or KEY");
	strings_add(&o->env, word);
	return true;
}

static bool take_addition(struct options *o, const char *word)
{
	const char *colon = strchr(word, ':');

	if (!word[0] || colon == word || (colon && colon[1] != '/'))
		return wrong_value("--add", word, "HOST or HOST:GUEST, GUEST an absolute path");
	strings_add(&o->additions, word);
	return true;
}

static bool take_kernel_arg(struct options *o, const char *word)
{
	if (!word[0])
		return wrong_value("--kernel-arg", word, "a word for the kernel's command line");
	strings_add(&o->kernel_args, word);
	return true;
}

static bool take_rootfs(struct options *o, const char *word)
{
	if (!word[0])
		return wrong_value("--rootfs", word, "a directory");
	o->rootfs = word;
	return true;
}

static bool take_option(struct options *o, int option, const char *word)
{
	switch (option) {
	case 'o':
		o->output = word;
		return word[0] || wrong_value("--output", word, "a file to write");
	case 'm':
		return parse_memory(word, &o->memory_bytes) ||
		       wrong_value("--memory", word, "MiB, or a number with K, M, G or T");
	case 'e':
		return take_env(o, word);
	case 'v':
		o->verbose = true;
		return true;
	case OPT_ACCEL:
		return take_accel(o, word);
	case OPT_MACHINE:
		return take_machine(o, word);
	case OPT_ROOTFS:
		return take_rootfs(o, word);
	case OPT_ADD:
		return take_addition(o, word);
	case OPT_TIMEOUT:
		return parse_timeout(word, &o->timeout_ms) ||
		       wrong_value("--timeout", word, "seconds, more than 0");
	case OPT_KERNEL_ARG:
		return take_kernel_arg(o, word);
	case OPT_STRACE:
		o->strace = true;
		return true;
	default: /* '?': getopt has said what is wrong */
		return false;
	}
}

static bool take_program(struct options *o, char **args)
{
	o->args = args;
	if (!args[0] || !args[0][0]) {
		report("no program given");
		return false;
	}
	if (o->command == COMMAND_BUILD && !o->output) {
		report("no output file given (-o FILE.iso)");
		return false;
	}
	return true;
}

enum options_verdict options_parse(struct options *o, enum command command, int argc, char **argv)
{
	static char name[] = "capuchin"; /* what getopt's own messages begin with */
	bool run = command == COMMAND_RUN;
	bool ok = true;
	int option = 0;

	*o = (struct options){ .command = command };
	argv[0] = name;
	optind = 0; /* start afresh, also in tests */
	while (ok) {
		option = getopt_long(argc, argv, run ? "+m:e:vh" : "+o:e:vh",
				     run ? run_options : build_options, NULL);
		if (option == -1 || option == 'h')
			break;
		ok = take_option(o, option, optarg);
	}
	if (ok && option == 'h') {
		help_print(command);
		return OPTIONS_SHOWN;
	}
	if (ok && take_program(o, argv + optind))
		return OPTIONS_GO;
	fprintf(stderr, "Try 'capuchin %s --help' for more information.\n", command_name(command));
	return OPTIONS_WRONG;
}

void options_free(struct options *o)
{
	strings_free(&o->env);
	strings_free(&o->additions);
	strings_free(&o->kernel_args);
}
