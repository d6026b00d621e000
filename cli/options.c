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
#include <unistd.h>

#define MEMORY_MAX     \
	((uint64_t)960 \
	 << 30) /* what QEMU's processor can address, 40 bits, less what its machines keep */
#define MEMORY_UNIT ((uint64_t)1 << 20)
#define TIMEOUT_MAX_S 1e9

/* Long options without a short one. */
enum {
	OPT_ACCEL = 256,
	OPT_MACHINE,
	OPT_ROOTFS,
	OPT_ADD,
	OPT_TIMEOUT,
	OPT_KERNEL_ARG,
	OPT_STRACE,
	OPT_NET,
	OPT_IP,
	OPT_MAC,
	OPT_PCAP,
	OPT_DISK,
	OPT_ROOT_ON_DISK,
	OPT_DEVICES,
};

static const struct option run_options[] = {
	{ "memory", required_argument, NULL, 'm' },
	{ "env", required_argument, NULL, 'e' },
	{ "accel", required_argument, NULL, OPT_ACCEL },
	{ "machine", required_argument, NULL, OPT_MACHINE },
	{ "rootfs", required_argument, NULL, OPT_ROOTFS },
	{ "add", required_argument, NULL, OPT_ADD },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "publish", required_argument, NULL, 'p' },
	{ "net", required_argument, NULL, OPT_NET },
	{ "ip", required_argument, NULL, OPT_IP },
	{ "mac", required_argument, NULL, OPT_MAC },
	{ "pcap", required_argument, NULL, OPT_PCAP },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "root-on-disk", no_argument, NULL, OPT_ROOT_ON_DISK },
	{ "devices", no_argument, NULL, OPT_DEVICES },
	{ "kernel-arg", required_argument, NULL, OPT_KERNEL_ARG },
	{ "strace", no_argument, NULL, OPT_STRACE },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const struct option build_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "ip", required_argument, NULL, OPT_IP },
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

/* Whether the words behind it stay what they are: quotes come in pairs, and no "--" ends the parameters. */
static bool keeps_line(const char *word)
{
	bool quoted = false;

	for (const char *at = word; *at; at++) {
		bool begins = at == word || at[-1] == ' ';

		if ((unsigned char)*at < ' ')
			return false;
		if (*at == '"')
			quoted = !quoted;
		if (!quoted && begins && !strncmp(at, "--", 2) && (!at[2] || at[2] == ' '))
			return false;
	}
	return !quoted;
}

static bool take_kernel_arg(struct options *o, const char *word)
{
	if (!word[0] || !keeps_line(word))
		return wrong_value("--kernel-arg", word,
				   "a word for the kernel's command line; not --, and quotes in "
				   "pairs");
	strings_add(&o->kernel_args, word);
	return true;
}

static bool take_rootfs(struct options *o, const char *word)
{
	if (!word[0])
		return wrong_value("--rootfs", word, "a directory or an archive");
	o->rootfs = word;
	return true;
}

static bool take_disk(struct options *o, const char *word)
{
	o->disks = realloc(o->disks, (o->disk_count + 1) * sizeof *o->disks);
	if (!o->disks)
		report_out_of_memory();
	return disk_read(&o->disks[o->disk_count++], word) ||
	       wrong_value("--disk", word, "FILE[,ro][,format=raw|qcow2]");
}

static bool take_network(struct network *n, int option, const char *word)
{
	switch (option) {
	case 'p':
		return network_take_publish(n, word) ||
		       wrong_value("--publish", word,
				   "[ADDR:]HOST:GUEST[/udp], ports from 1 to 65535");
	case OPT_NET:
		return network_take_kind(n, word) ||
		       wrong_value("--net", word, "user, none or tap=NAME");
	case OPT_IP:
		return network_take_address(n, word) ||
		       wrong_value("--ip", word, "dhcp or ADDR/PREFIX[,gw=ADDR][,dns=ADDR]");
	case OPT_MAC:
		return network_take_mac(n, word) ||
		       wrong_value("--mac", word, "six bytes such as 52:54:00:12:34:56");
	default:
		n->pcap = word;
		return word[0] || wrong_value("--pcap", word, "a file to write");
	}
}

static bool take_option(struct options *o, int option, const char *word)
{
	switch (option) {
	case 'p':
	case OPT_NET:
	case OPT_IP:
	case OPT_MAC:
	case OPT_PCAP:
		return take_network(&o->network, option, word);
	case OPT_DISK:
		return take_disk(o, word);
	case OPT_ROOT_ON_DISK:
		o->root_on_disk = true;
		return true;
	case OPT_DEVICES:
		o->devices = true;
		return true;
	case 'o':
		o->output = word;
		return word[0] || wrong_value("--output", word, "a file to write");
	case 'm':
		return (parse_memory(word, &o->memory_bytes) && o->memory_bytes <= MEMORY_MAX) ||
		       wrong_value("--memory", word,
				   "MiB, or a number with K, M, G or T, up to 960G");
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

/* Whether the word is what --add takes: the program may have an option of that name too. */
static bool is_addition(const char *word)
{
	return word && (strstr(word, ":/") || !access(word, F_OK));
}

/* --add may also stand behind the program, where one thinks of what it needs; unless "--" is before that. */
static char **take_late_additions(struct options *o, char **args)
{
	static const char joined[] = "--add=";

	while (args[0] && args[1]) {
		bool apart = !strcmp(args[1], "--add");
		const char *word = apart ? args[2] : args[1] + strlen(joined);

		if ((!apart && strncmp(args[1], joined, strlen(joined))) || !is_addition(word) ||
		    !take_addition(o, word))
			break;
		args[1 + apart] = args[0];
		args += 1 + apart;
	}
	return args;
}

static bool take_program(struct options *o, char **args)
{
	o->args = strcmp(args[-1], "--") ? take_late_additions(o, args) : args;
	args = o->args;
	if (o->devices) {
		if (args[0])
			report("--devices takes no program");
		return !args[0];
	}
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

/* What options are to each other. */
static bool check_whole(struct options *o)
{
	enum { MICROVM_DEVICES_MAX = 8 };
	const char *contradiction = o->command == COMMAND_RUN ? network_finish(&o->network) : NULL;
	size_t devices = o->disk_count + o->root_on_disk + (o->network.kind != NETWORK_NONE);

	if (contradiction)
		report("%s", contradiction);
	else if (o->machine == MACHINE_MICROVM && devices > MICROVM_DEVICES_MAX)
		report("the machine microvm has room for %d devices, and %zu are wanted (see "
		       "--machine)",
		       MICROVM_DEVICES_MAX, devices);
	else
		return true;
	return false;
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
		option = getopt_long(argc, argv, run ? "+m:e:p:vh" : "+o:e:vh",
				     run ? run_options : build_options, NULL);
		if (option == -1 || option == 'h')
			break;
		ok = take_option(o, option, optarg);
	}
	if (ok && option == 'h') {
		help_print(command);
		return OPTIONS_SHOWN;
	}
	if (ok && take_program(o, argv + optind) && check_whole(o))
		return OPTIONS_GO;
	fprintf(stderr, "Try 'capuchin %s --help' for more information.\n", command_name(command));
	return OPTIONS_WRONG;
}

void options_free(struct options *o)
{
	strings_free(&o->env);
	strings_free(&o->additions);
	strings_free(&o->kernel_args);
	network_free(&o->network);
	for (size_t i = 0; i < o->disk_count; i++)
		disk_free(&o->disks[i]);
	free(o->disks);
}
