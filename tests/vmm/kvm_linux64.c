/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts a kernel by Linux's 64-bit boot protocol on KVM, as Firecracker (or libkrun) does, and prints what it writes to the serial port:
 *
 *	kvm_linux64 [--pvh] [--libkrun] [-m MIB] [--initrd FILE] [--cmdline TEXT] [--input TEXT] [--until TEXT] [--timeout S]
 *		[--block FILE] [--block-ro FILE] [--block-forgets FILE] [--block-lies FILE] [--net] [--net-silent] [--vsock] [--no-words]
 *		[--alias-memory] KERNEL
 *
 * Devices stand where Firecracker puts them, with its words on the command line; with --no-words they are in the DSDT only. When the
 * console shows ASK_LINE, the services of the guest are asked by network and vsock, and ANSWERED_LINE is printed when they have
 * answered. Faults: a disk that forgets what is written, or lies, a network that says nothing, a machine in which
 * the last quarter of memory is the third one.
 *
 * The last line, on standard error, says how it ended: "end: reset, status N" (the guest wrote 0xfe to the i8042; N from the
 * status record on the console, -1 without one), "end: seen" (the console showed TEXT of --until), "end: shutdown" (triple
 * fault), "end: timeout", or what KVM could not do. Exit status: 0 for reset and seen, 1 for other ends, 2 for usage, 77 where
 * KVM is not to be had.
 */
#include <core/status.h>
#include <errno.h>
#include <getopt.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "virtio.h"

#define ASK_LINE "selftest: ready"
#define ANSWERED_LINE "host: the guest answers\n"

enum { EXIT_NO_KVM = 77, CONSOLE_TAIL = 256 };
enum { SERIAL_PORT = 0x3f8, I8042_PORT = 0x64, I8042_RESET = 0xfe };

struct options {
	const char *kernel, *initrd, *cmdline, *input, *until;
	unsigned memory_mib, timeout_s;
	enum monitor monitor;
	bool pvh, alias_memory;
	struct devices_plan devices;
};

struct guest {
	struct machine machine;
	struct serial serial;
	struct devices devices;
	const char *until;
	bool seen;
	char tail[CONSOLE_TAIL]; /* the last bytes on the console */
	size_t tail_length;
};

void die(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("kvm_linux64: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static struct blob read_file(const char *path)
{
	struct blob blob = { 0 };
	FILE *file = fopen(path, "rb");

	if (!file || fseek(file, 0, SEEK_END))
		die("cannot open %s: %s", path, strerror(errno));
	blob.length = ftell(file);
	rewind(file);
	blob.bytes = malloc(blob.length);
	if (!blob.bytes || fread(blob.bytes, 1, blob.length, file) != blob.length)
		die("cannot read %s", path);
	fclose(file);
	return blob;
}

static void set_serial_line(void *context, bool level)
{
	struct guest *guest = context;

	machine_set_line(&guest->machine, SERIAL_GSI, level);
}

static void take_output(void *context, uint8_t byte)
{
	struct guest *guest = context;

	putchar(byte);
	if (guest->tail_length == CONSOLE_TAIL - 1) {
		memmove(guest->tail, guest->tail + 1, CONSOLE_TAIL - 2);
		guest->tail_length--;
	}
	guest->tail[guest->tail_length++] = byte ? (char)byte : '?';
	guest->tail[guest->tail_length] = '\0';
	if (guest->until && strstr(guest->tail, guest->until))
		guest->seen = true;
}

static void take_text(struct guest *guest, const char *text)
{
	while (*text)
		take_output(guest, (uint8_t)*text++);
}

/* The status record is the last thing that a guest writes. */
static int recorded_status(const struct guest *guest)
{
	const char *record = strstr(guest->tail, STATUS_RECORD_BEGIN);

	return record ? atoi(record + strlen(STATUS_RECORD_BEGIN)) : -1;
}

/* Returns whether the guest asked for a reset. Ports that are not there read as 0. */
static bool handle_port(struct guest *guest, struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool out = run->io.direction == KVM_EXIT_IO_OUT;

	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		unsigned port = run->io.port;

		if (port - SERIAL_PORT < 8 && out)
			serial_write(&guest->serial, port - SERIAL_PORT, *data);
		else if (port - SERIAL_PORT < 8)
			*data = serial_read(&guest->serial, port - SERIAL_PORT);
		else if (port == I8042_PORT && out && *data == I8042_RESET)
			return true;
		else if (!out)
			memset(data, 0, run->io.size);
	}
	return false;
}

/* Where nothing is, reads give 0, as Firecracker's do. */
static void handle_memory(struct guest *guest, struct kvm_run *run)
{
	if (!devices_access(&guest->devices, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
			    run->mmio.is_write) &&
	    !run->mmio.is_write)
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
	if (devices_all_answered(&guest->devices))
		take_text(guest, ANSWERED_LINE);
}

/* Where the guest stood, and the instruction that KVM could not emulate. */
static void report_failure(struct guest *guest, struct kvm_run *run)
{
	struct kvm_regs regs = { 0 };

	ioctl(guest->machine.cpu, KVM_GET_REGS, &regs);
	fprintf(stderr, "end: KVM exit %u, rip 0x%llx", run->exit_reason, regs.rip);
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
		fprintf(stderr, ", suberror %u, instruction", run->internal.suberror);
		for (unsigned i = 0; i < run->emulation_failure.insn_size && i < 15; i++)
			fprintf(stderr, " %02x", run->emulation_failure.insn_bytes[i]);
	}
	fputc('\n', stderr);
}

/* Runs until the guest ends; whether that was an end as it should be. */
static bool run_guest(struct guest *guest)
{
	struct kvm_run *run = guest->machine.run;

	while (!guest->seen) {
		if (ioctl(guest->machine.cpu, KVM_RUN, 0) < 0) {
			fprintf(stderr, errno == EINTR ? "end: timeout\n" : "end: KVM_RUN fails\n");
			return false;
		}
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			if (!handle_port(guest, run)) {
				if (strstr(guest->tail, ASK_LINE))
					devices_ask(&guest->devices);
				break;
			}
			fflush(stdout);
			fprintf(stderr, "end: reset, status %d\n", recorded_status(guest));
			return true;
		case KVM_EXIT_MMIO:
			handle_memory(guest, run);
			break;
		case KVM_EXIT_SHUTDOWN:
			fprintf(stderr, "end: shutdown\n");
			return false;
		default:
			report_failure(guest, run);
			return false;
		}
	}
	fprintf(stderr, "end: seen\n");
	return true;
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* KVM_RUN then fails with EINTR; an alarm between two of them is made good by the next one. */
static void set_timeout(unsigned seconds)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_value.tv_sec = seconds, .it_interval.tv_sec = 1 };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static enum block_fault block_fault(int option)
{
	if (option == 'f')
		return BLOCK_FAULT_FORGETS;
	return option == 'L' ? BLOCK_FAULT_LIES : BLOCK_FAULT_NONE;
}

static bool take_device(struct devices_plan *plan, int option)
{
	switch (option) {
	case 'b':
	case 'r':
	case 'f':
	case 'L':
		if (plan->block_count == DEVICES_MAX)
			return false;
		plan->blocks[plan->block_count++] = (struct block_setup){
			.path = optarg,
			.read_only = option == 'r',
			.fault = block_fault(option),
		};
		return true;
	case 'N':
		plan->net_silent = true;
		__attribute__((fallthrough));
	case 'n':
		plan->net = true;
		return true;
	case 'v':
		plan->vsock = true;
		return true;
	case 'w':
		plan->no_words = true;
		return true;
	default:
		return false;
	}
}

static bool parse_options(int argc, char **argv, struct options *out)
{
	static const struct option names[] = {
		{ "pvh", no_argument, NULL, 'p' },
		{ "libkrun", no_argument, NULL, 'l' },
		{ "initrd", required_argument, NULL, 'i' },
		{ "cmdline", required_argument, NULL, 'c' },
		{ "input", required_argument, NULL, 't' },
		{ "until", required_argument, NULL, 'u' },
		{ "timeout", required_argument, NULL, 's' },
		{ "block", required_argument, NULL, 'b' },
		{ "block-ro", required_argument, NULL, 'r' },
		{ "block-forgets", required_argument, NULL, 'f' },
		{ "block-lies", required_argument, NULL, 'L' },
		{ "net", no_argument, NULL, 'n' },
		{ "net-silent", no_argument, NULL, 'N' },
		{ "vsock", no_argument, NULL, 'v' },
		{ "no-words", no_argument, NULL, 'w' },
		{ "alias-memory", no_argument, NULL, 'a' },
		{ 0 },
	};
	int option;

	*out = (struct options){ .cmdline = "", .input = "", .memory_mib = 128, .timeout_s = 30 };
	while ((option = getopt_long(argc, argv, "m:", names, NULL)) != -1) {
		switch (option) {
		case 'p':
			out->pvh = true;
			break;
		case 'l':
			out->monitor = MONITOR_LIBKRUN;
			break;
		case 'i':
			out->initrd = optarg;
			break;
		case 'c':
			out->cmdline = optarg;
			break;
		case 't':
			out->input = optarg;
			break;
		case 'u':
			out->until = optarg;
			break;
		case 's':
			out->timeout_s = atoi(optarg);
			break;
		case 'm':
			out->memory_mib = atoi(optarg);
			break;
		case 'a':
			out->alias_memory = true;
			break;
		default:
			if (!take_device(&out->devices, option))
				return false;
		}
	}
	out->kernel = argv[optind];
	return optind == argc - 1 && out->memory_mib >= 2;
}

int main(int argc, char **argv)
{
	struct guest guest = { 0 };
	struct options options;
	const char *why;

	if (!parse_options(argc, argv, &options)) {
		fprintf(stderr, "usage: kvm_linux64 [--pvh] [--libkrun] [-m MIB] [--initrd FILE] "
				"[--cmdline TEXT] "
				"[--input TEXT] [--until TEXT] [--timeout S] [DEVICES] KERNEL\n");
		return 2;
	}
	if (!machine_open(&guest.machine, &why)) {
		fprintf(stderr, "%s\n", why);
		return EXIT_NO_KVM;
	}

	struct ram ram = ram_create((uint64_t)options.memory_mib << 20);
	struct boot_plan plan = {
		.cmdline = devices_cmdline(&options.devices, options.cmdline),
		.monitor = options.monitor,
		.pvh = options.pvh,
		.virtio_devices = devices_count(&options.devices),
	};
	plan.kernel = read_file(options.kernel);
	if (options.initrd)
		plan.initrd = read_file(options.initrd);
	uint64_t entry = boot_load(&ram, &plan);

	guest.until = options.until;
	guest.serial = (struct serial){
		.input = options.input,
		.set_line = set_serial_line,
		.output = take_output,
		.context = &guest,
	};
	machine_create(&guest.machine, &ram, options.alias_memory);
	devices_create(&guest.devices, &options.devices, &ram, &guest.machine);
	machine_set_entry(&guest.machine, entry, options.pvh);
	set_timeout(options.timeout_s);
	return run_guest(&guest) ? 0 : 1;
}
