/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the options of `run` and `build`. */
#include "options.h"

#include "memory.h"
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
enum { SELFTEST_TIMEOUT_MS = 300 * 1000 };

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
	OPT_VMM,
	OPT_FOR,
	OPT_CPUS,
	OPT_PCI,
	OPT_ENTROPY,
	OPT_BALLOON,
	OPT_VSOCK,
	OPT_METADATA,
	OPT_SELFTEST,
};

static const char *const vmm_names[] = {
	[VMM_QEMU] = "qemu",
	[VMM_FIRECRACKER] = "firecracker",
	[VMM_CLOUD_HYPERVISOR] = "cloud-hypervisor",
	[VMM_LIBKRUN] = "libkrun",
	[VMM_AUTO] = "auto",
};

enum {
	RUN = 1 << COMMAND_RUN,
	BUILD = 1 << COMMAND_BUILD,
	SELFTEST = 1 << COMMAND_SELFTEST,
	EVERY = RUN | BUILD | SELFTEST,
};

/* An option, and the commands that have it. */
static const struct {
	struct option option;
	unsigned commands;
} all_options[] = {
	{ { "memory", required_argument, NULL, 'm' }, EVERY },
	{ { "env", required_argument, NULL, 'e' }, RUN | BUILD },
	{ { "accel", required_argument, NULL, OPT_ACCEL }, EVERY },
	{ { "machine", required_argument, NULL, OPT_MACHINE }, EVERY },
	{ { "rootfs", required_argument, NULL, OPT_ROOTFS }, RUN | BUILD },
	{ { "add", required_argument, NULL, OPT_ADD }, RUN | BUILD },
	{ { "timeout", required_argument, NULL, OPT_TIMEOUT }, RUN | SELFTEST },
	{ { "publish", required_argument, NULL, 'p' }, RUN | SELFTEST },
	{ { "net", required_argument, NULL, OPT_NET }, EVERY },
	{ { "ip", required_argument, NULL, OPT_IP }, EVERY },
	{ { "mac", required_argument, NULL, OPT_MAC }, EVERY },
	{ { "pcap", required_argument, NULL, OPT_PCAP }, RUN | SELFTEST },
	{ { "disk", required_argument, NULL, OPT_DISK }, EVERY },
	{ { "root-on-disk", no_argument, NULL, OPT_ROOT_ON_DISK }, RUN },
	{ { "devices", no_argument, NULL, OPT_DEVICES }, RUN },
	{ { "vmm", required_argument, NULL, OPT_VMM }, RUN | SELFTEST },
	{ { "cpus", required_argument, NULL, OPT_CPUS }, EVERY },
	{ { "pci", no_argument, NULL, OPT_PCI }, RUN | SELFTEST },
	{ { "entropy", no_argument, NULL, OPT_ENTROPY }, EVERY },
	{ { "balloon", required_argument, NULL, OPT_BALLOON }, EVERY },
	{ { "vsock", required_argument, NULL, OPT_VSOCK }, EVERY },
	{ { "metadata", required_argument, NULL, OPT_METADATA }, RUN | SELFTEST },
	{ { "kernel-arg", required_argument, NULL, OPT_KERNEL_ARG }, EVERY },
	{ { "strace", no_argument, NULL, OPT_STRACE }, RUN | BUILD },
	{ { "output", required_argument, NULL, 'o' }, BUILD },
	{ { "for", required_argument, NULL, OPT_FOR }, BUILD },
	{ { "selftest", no_argument, NULL, OPT_SELFTEST }, BUILD },
	{ { "verbose", no_argument, NULL, 'v' }, EVERY },
	{ { "help", no_argument, NULL, 'h' }, EVERY },
};

static const struct command_words {
	const char *name, *letters;
} commands[] = {
	[COMMAND_RUN] = { "run", "+m:e:p:vh" },
	[COMMAND_BUILD] = { "build", "+o:m:e:vh" },
	[COMMAND_SELFTEST] = { "selftest", "+m:p:vh" },
};

/* Those that the command has, ended as getopt_long() wants it. */
static void choose_options(enum command command, struct option out[countof(all_options) + 1])
{
	size_t count = 0;

	for (size_t i = 0; i < countof(all_options); i++) {
		if (all_options[i].commands & 1u << command)
			out[count++] = all_options[i].option;
	}
	out[count] = (struct option){ 0 };
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
	o->machine_given = true;
	return true;
}

static bool take_vmm(struct options *o, int option, const char *word)
{
	int count = countof(vmm_names) - (option == OPT_FOR); /* the last one is "auto" */
	int vmm = choose(word, vmm_names, count);

	if (vmm < 0)
		return wrong_value(
			option == OPT_FOR ? "--for" : "--vmm", word,
			option == OPT_FOR ? "qemu, firecracker, cloud-hypervisor or libkrun"
					  : "qemu, firecracker, cloud-hypervisor, libkrun or auto");
	o->vmm = (enum vmm_kind)vmm;
	o->bundle = option == OPT_FOR;
	return true;
}

static bool take_cpus(struct options *o, const char *word)
{
	char *end;
	unsigned long cpus = *word >= '1' && *word <= '9' ? strtoul(word, &end, 10) : 0;

	if (!cpus || *end || cpus > CPUS_MAX)
		return wrong_value("--cpus", word, "1 to 32");
	o->cpus = (unsigned)cpus;
	return true;
}

static bool take_balloon(struct options *o, const char *word)
{
	o->balloon = true;
	o->balloon_bytes = 0;
	return !strcmp(word, "0") || parse_memory(word, &o->balloon_bytes) ||
	       wrong_value("--balloon", word, "0, MiB, or a number with K, M, G or T");
}

static bool take_path(const char **out, const char *option, const char *word)
{
	*out = word;
	return word[0] || wrong_value(option, word, "a path");
}

/* What the machine is, and on what. */
static bool take_machinery(struct options *o, int option, const char *word)
{
	switch (option) {
	case OPT_ACCEL:
		return take_accel(o, word);
	case OPT_MACHINE:
		return take_machine(o, word);
	case OPT_CPUS:
		return take_cpus(o, word);
	case OPT_PCI:
		o->pci = true;
		return true;
	case OPT_ENTROPY:
		o->entropy = true;
		return true;
	case OPT_BALLOON:
		return take_balloon(o, word);
	case OPT_VSOCK:
		return take_path(&o->vsock, "--vsock", word);
	case OPT_METADATA:
		return take_path(&o->metadata, "--metadata", word);
	default: /* OPT_VMM, OPT_FOR */
		return take_vmm(o, option, word);
	}
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

bool options_add_disk(struct options *o, const char *word)
{
	o->disks = realloc(o->disks, (o->disk_count + 1) * sizeof *o->disks);
	if (!o->disks)
		report_out_of_memory();
	return disk_read(&o->disks[o->disk_count++], word);
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
		       wrong_value("--net", word, "user, none or tap[=NAME]");
	case OPT_IP:
		return network_take_address(n, word) ||
		       wrong_value(
			       "--ip", word,
			       "dhcp or ADDR/PREFIX[,gw=ADDR][,dns=ADDR], as a host may have them");
	case OPT_MAC:
		return network_take_mac(n, word) ||
		       wrong_value("--mac", word,
				   "six bytes of one device, such as 52:54:00:12:34:56");
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
		return options_add_disk(o, word) || wrong_value("--disk", word, DISK_SYNTAX);
	case OPT_ACCEL:
	case OPT_MACHINE:
	case OPT_VMM:
	case OPT_FOR:
	case OPT_CPUS:
	case OPT_PCI:
	case OPT_ENTROPY:
	case OPT_BALLOON:
	case OPT_VSOCK:
	case OPT_METADATA:
		return take_machinery(o, option, word);
	case OPT_ROOT_ON_DISK:
		o->root_on_disk = true;
		return true;
	case OPT_DEVICES:
		o->devices = true;
		return true;
	case OPT_SELFTEST:
		o->selftest = true;
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
	if (!options_have_program(o) && args[0]) {
		report("%s takes no program", o->devices ? "--devices" : "the self-test");
		return false;
	}
	if (options_have_program(o) && (!args[0] || !args[0][0])) {
		report("no program given");
		return false;
	}
	if (o->command == COMMAND_BUILD && !o->output) {
		report("no output file given (-o FILE.iso; -o DIRECTORY with --for)");
		return false;
	}
	return true;
}

/* What an ISO image has no place for: whoever boots it makes the machine. */
static const char *check_image(const struct options *o)
{
	bool machine = o->memory_bytes || o->cpus > 1 || o->machine_given || o->accel ||
		       o->network.kind_given || o->network.mac || o->disk_count || o->entropy ||
		       o->balloon || o->vsock;

	if (o->bundle && o->selftest)
		return "--selftest makes an ISO image (see capuchin selftest --vmm)";
	if (o->bundle && o->network.kind == NETWORK_TAP && !o->network.tap)
		return "--net tap needs a name here (--net tap=NAME)";
	if (o->bundle && o->network.kind == NETWORK_TAP && !o->network.address.s_addr)
		return NULL; /* the kernel asks for an address */
	return machine && !o->bundle ? "an ISO image describes no machine (see --for)" : NULL;
}

static const char *check_run(struct options *o)
{
	enum { MICROVM_DEVICES_MAX = 8 };
	size_t devices = o->disk_count + o->root_on_disk + (o->network.kind != NETWORK_NONE) +
			 o->entropy + o->balloon + !!o->vsock;

	if (o->vmm == VMM_QEMU && o->machine == MACHINE_MICROVM && devices > MICROVM_DEVICES_MAX)
		return "the machine microvm has room for 8 devices (see --machine)";
	return o->metadata && o->vmm != VMM_FIRECRACKER ? "--metadata is Firecracker's (see --vmm)"
							: NULL;
}

/* What a self-test has where the options do not say otherwise: what costs no rights. */
static void add_selftest_devices(struct options *o)
{
	o->entropy = true;
	o->balloon = true;
	if (o->vmm == VMM_QEMU && !o->network.kind_given)
		o->network.kind = NETWORK_USER;
	if (!o->timeout_ms)
		o->timeout_ms = SELFTEST_TIMEOUT_MS;
}

/* What options are to each other. */
static bool check_whole(struct options *o)
{
	const char *contradiction = NULL;

	if (o->selftest && o->command == COMMAND_RUN)
		add_selftest_devices(o);
	/* With VMM_AUTO it depends on which will be taken. */
	if (o->vmm != VMM_AUTO && (o->command == COMMAND_RUN || o->bundle))
		contradiction = network_finish(&o->network, vmm_network(o->vmm));
	if (!contradiction &&
	    o->balloon_bytes >= (o->memory_bytes ? o->memory_bytes : MEMORY_DEFAULT))
		contradiction = "--balloon leaves nothing of the memory (see --memory)";
	if (!contradiction)
		contradiction = o->command == COMMAND_RUN ? check_run(o) : check_image(o);
	if (contradiction)
		report("%s", contradiction);
	return !contradiction;
}

enum network_kind vmm_network(enum vmm_kind vmm)
{
	return vmm == VMM_QEMU ? NETWORK_USER : NETWORK_TAP;
}

const char *vmm_name(enum vmm_kind vmm)
{
	return vmm_names[vmm];
}

enum options_verdict options_parse(struct options *o, enum command command, int argc, char **argv)
{
	static char name[] = "capuchin"; /* what getopt's own messages begin with */
	const struct command_words *words = &commands[command];
	struct option options[countof(all_options) + 1];
	bool ok = true;
	int option = 0;

	*o = (struct options){ .command = command, .cpus = 1 };
	if (command == COMMAND_SELFTEST) {
		o->command = COMMAND_RUN;
		o->selftest = true;
	}
	choose_options(command, options);
	argv[0] = name;
	optind = 0; /* start afresh, also in tests */
	while (ok) {
		option = getopt_long(argc, argv, words->letters, options, NULL);
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
	fprintf(stderr, "Try 'capuchin %s --help' for more information.\n", words->name);
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
