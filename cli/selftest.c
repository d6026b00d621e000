/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `capuchin selftest`: starts the kernel's test of itself on a machine as the options say, with a scratch disk and, where it costs no
 * rights, a network; asks its services, and compares what it has found with what was asked for.
 */
#include "commands.h"

#include "report.h"
#include "selftest_ask.h"
#include "selftest_report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SCRATCH_MARK "capuchin scratch disk\n"
enum { SCRATCH_BYTES = 1 << 20, SECTOR_BYTES = 512 };
enum { MICROVM_DEVICES_MAX = 8 };

struct selftest {
	struct options *options;
	struct selftest_report report;
	struct text line; /* the unfinished one */
	char *scratch;    /* the scratch disk's file; NULL: none */
	bool waits;       /* the user wants the machine to go on for a while */
	bool asked;
	uint64_t wall_ns; /* the host's clock when the machine told its own; 0: it has not */
};

/* --- what the machine has besides ---------------------------------------------------------------- */

static bool has_room(const struct options *o)
{
	size_t devices = o->disk_count + (o->network.kind != NETWORK_NONE) + o->entropy +
			 o->balloon + !!o->vsock;

	return o->vmm != VMM_QEMU || o->machine != MACHINE_MICROVM || devices < MICROVM_DEVICES_MAX;
}

/* A file that is removed at the end, since not all VMMs take one without a name. */
static int make_scratch(struct selftest *t)
{
	const char *directory = getenv("TMPDIR");
	struct text word = { 0 };
	int fd, err = 0;

	t->scratch = format_string("%s/capuchin-scratch.XXXXXX",
				   directory && *directory ? directory : "/tmp");
	fd = mkstemp(t->scratch);
	if (fd < 0 || ftruncate(fd, SCRATCH_BYTES) ||
	    write(fd, SCRATCH_MARK, strlen(SCRATCH_MARK)) != (ssize_t)strlen(SCRATCH_MARK)) {
		err = -errno;
		report("%s: %s", t->scratch, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	text_printf(&word, "%s,format=raw", t->scratch);
	if (!err && !options_add_disk(t->options, text_get(&word))) {
		report("%s: this path cannot be a disk's (see TMPDIR)", t->scratch);
		err = -EINVAL;
	}
	text_free(&word);
	return err;
}

/* Whether what the machine has written is in the file. */
static void check_scratch(struct selftest *t)
{
	char sector[SECTOR_BYTES] = { 0 };
	FILE *file = fopen(t->scratch, "rbe");
	bool well = false;

	if (file && !fseek(file, SECTOR_BYTES, SEEK_SET) && fread(sector, sizeof sector, 1, file))
		for (size_t i = 0; i < sizeof sector; i++)
			well |= sector[i];
	if (file)
		fclose(file);
	selftest_add_row(&t->report, well, "scratch disk", "what was written %s in its file",
			 well ? "is" : "is not");
}

/* A free port of the host, which QEMU is to publish. 0: there is none. */
static unsigned find_port(int type)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t bytes = sizeof address;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	unsigned port = 0;

	if (fd < 0)
		return 0;
	if (!bind(fd, (struct sockaddr *)&address, sizeof address) &&
	    !getsockname(fd, (struct sockaddr *)&address, &bytes))
		port = ntohs(address.sin_port);
	close(fd);
	return port;
}

static int publish(struct network *n, unsigned guest_port, int type)
{
	char word[64];
	unsigned port = find_port(type);

	snprintf(word, sizeof word, "127.0.0.1:%u:%u%s", port, guest_port,
		 type == SOCK_DGRAM ? "/udp" : "");
	if (port && network_take_publish(n, word))
		return 0;
	report("the host has no free port");
	return -EADDRINUSE;
}

static int publish_all(struct network *n)
{
	int err = publish(n, SELFTEST_ECHO, SOCK_STREAM);

	if (!err)
		err = publish(n, SELFTEST_ECHO, SOCK_DGRAM);
	return err ? err : publish(n, SELFTEST_HTTP, SOCK_STREAM);
}

static bool has_kernel_arg(const struct options *o, const char *beginning)
{
	for (size_t i = 0; i < o->kernel_args.count; i++) {
		if (!strncmp(o->kernel_args.items[i], beginning, strlen(beginning)))
			return true;
	}
	return false;
}

static int add_own(struct selftest *t)
{
	struct options *o = t->options;
	int err = 0;

	if (has_room(o))
		err = make_scratch(t);
	if (!err && o->network.kind == NETWORK_USER && !o->network.published_count)
		err = publish_all(&o->network);
	if (o->metadata)
		strings_add(&o->kernel_args, "selftest.metadata");
	t->waits = has_kernel_arg(o, "selftest.serve=") || has_kernel_arg(o, "selftest.beat=");
	if (!err && !t->waits && (o->network.kind != NETWORK_NONE || o->vsock))
		strings_add(&o->kernel_args, "selftest.serve=60");
	return err;
}

/* --- its services -------------------------------------------------------------------------------- */

/* Where the host reaches a port of the machine: where it is published, or at the machine's own address. */
static bool find_service(const struct selftest *t, unsigned port, bool udp, struct sockaddr_in *out)
{
	const struct network *n = &t->options->network;
	const char *address = selftest_value(&t->report, "net.eth0.address");
	char text[INET_ADDRSTRLEN];

	*out = (struct sockaddr_in){ .sin_family = AF_INET };
	for (size_t i = 0; i < n->published_count; i++) {
		const struct publish *p = &n->published[i];

		if (p->guest_port != port || p->udp != udp)
			continue;
		out->sin_addr = p->host;
		if (!p->host.s_addr)
			out->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		out->sin_port = htons(p->host_port);
		return true;
	}
	if (n->kind != NETWORK_TAP || !address)
		return false;
	snprintf(text, sizeof text, "%.*s", (int)strcspn(address, "/"), address);
	out->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, text, &out->sin_addr) == 1;
}

static void add_answer(struct selftest *t, bool well, const char *check)
{
	selftest_add_row(&t->report, well, check,
			 well ? "answers the host" : "does not answer the host");
}

/* By whatever way there is. */
static bool end_waiting(const struct selftest *t)
{
	struct sockaddr_in service;

	if (find_service(t, SELFTEST_HTTP, false, &service) && ask_page(&service, "/end"))
		return true;
	return t->options->vsock && ask_vsock_page(t->options->vsock, "/end");
}

static void ask_all(struct selftest *t)
{
	const char *vsock = t->options->vsock;
	struct sockaddr_in service;

	t->asked = true;
	if (find_service(t, SELFTEST_ECHO, false, &service))
		add_answer(t, ask_tcp_echo(&service), "echo by TCP");
	if (find_service(t, SELFTEST_ECHO, true, &service))
		add_answer(t, ask_udp_echo(&service), "echo by UDP");
	if (find_service(t, SELFTEST_HTTP, false, &service))
		add_answer(t, ask_page(&service, "/"), "page by HTTP");
	if (vsock)
		add_answer(t, ask_vsock_echo(vsock) && ask_vsock_page(vsock, "/"), "vsock");
	if (!t->waits && !end_waiting(t))
		report("the self-test cannot be told to end; it does so after a minute");
}

/* --- */

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void take_output(void *context, const char *bytes, size_t count)
{
	struct selftest *t = context;

	for (size_t i = 0; i < count; i++) {
		if (bytes[i] != '\n') {
			text_append(&t->line, &bytes[i], 1);
			continue;
		}
		selftest_take_line(&t->report, text_get(&t->line));
		text_cut(&t->line, 0);
	}
	if (!t->wall_ns && selftest_value(&t->report, "wall"))
		t->wall_ns = wall_ns();
	if (t->report.ready && !t->asked)
		ask_all(t);
}

static int judge(struct selftest *t, int status)
{
	struct selftest_report *r = &t->report;

	if (t->line.bytes)
		selftest_take_line(r, text_get(&t->line));
	if (!r->outcomes.count)
		return status ? status
			      : EXIT_CANNOT_RUN; /* it has not begun, and why has been told */
	if (!r->ended) {
		report("the self-test has not come to its end (status %d)", status);
		return status ? status : EXIT_CANNOT_RUN;
	}
	selftest_compare(r, t->options, t->wall_ns);
	if (t->scratch)
		check_scratch(t);
	if (status != (r->ended_well ? 0 : 1))
		selftest_add_row(r, false, "exit status", "%d", status);
	selftest_show_counts(r);
	return r->failed ? 1 : 0;
}

int command_selftest(struct options *o)
{
	struct selftest t = { .options = o };
	const struct console_sink sink = { .take = take_output, .context = &t };
	int status = EXIT_CANNOT_RUN;

	if (!add_own(&t))
		status = judge(&t, run_machine(o, &sink));
	if (t.scratch)
		unlink(t.scratch);
	free(t.scratch);
	text_free(&t.line);
	selftest_report_free(&t.report);
	return status;
}
