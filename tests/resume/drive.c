/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stops and resumes a machine of QEMU's under a program (beat.c), and looks at its clocks and random bytes from outside. The host
 * may be slow: a clock that is read in the machine is compared with this host's before the question and after the answer.
 *
 *	drive pause|resume|clones SECONDS KERNEL IMAGE PROGRAM-ARGUMENT DIRECTORY QEMU ARGUMENT...
 *
 * pause: the monitor's stop, SECONDS, cont. resume: migration to a file, SECONDS, then a machine that goes on from it; clones: two
 * of them, which know it by a VMGenID. Silent and status 0 where all is well; else says what is not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 64, LINE_MAX_BYTES = 4096, PATIENCE_S = 60 };
#define S_NS 1000000000ll

struct channel {
	int fd;
	char buffer[LINE_MAX_BYTES];
	size_t length;
};

struct machine {
	pid_t pid;
	struct channel monitor, console;
	bool said_resumed;
};

/* What the machine's clocks showed, between two looks at the host's. */
struct reading {
	int64_t host_before_ns, host_after_ns; /* CLOCK_MONOTONIC */
	int64_t wall_before_ns, wall_after_ns;
	int64_t monotonic_ns, wall_ns, wall_by_call_ns;
	unsigned long went_back;
};

static const char *directory;
static char **qemu_arguments;
static const char *kernel, *image, *program_argument;
static pid_t running[4];

_Noreturn static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	puts("");
	for (unsigned i = 0; i < sizeof(running) / sizeof(*running); i++) {
		if (running[i])
			kill(running[i], SIGKILL);
	}
	exit(1);
}

static int64_t now_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * S_NS + t.tv_nsec;
}

static void wait_seconds(double seconds)
{
	usleep((useconds_t)(seconds * 1e6));
}

/* --- lines to and from a socket --- */

static void channel_open(struct channel *channel, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", directory, name);
	channel->length = 0;
	for (unsigned tries = 0; tries < PATIENCE_S * 20; tries++) {
		channel->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (!connect(channel->fd, (struct sockaddr *)&address, sizeof(address)))
			return;
		close(channel->fd);
		wait_seconds(0.05);
	}
	die("QEMU does not open %s", address.sun_path);
}

static void send_line(struct channel *channel, const char *text)
{
	if (dprintf(channel->fd, "%s\n", text) < 0)
		die("cannot send '%s': %s", text, strerror(errno));
}

/* The next line, without its end. */
static void read_line(struct channel *channel, char line[LINE_MAX_BYTES], const char *awaited)
{
	int64_t deadline = now_of(CLOCK_MONOTONIC) + PATIENCE_S * S_NS;

	for (;;) {
		char *end = memchr(channel->buffer, '\n', channel->length);

		if (end) {
			size_t bytes = (size_t)(end - channel->buffer);

			memcpy(line, channel->buffer, bytes);
			line[bytes] = '\0';
			if (bytes && line[bytes - 1] == '\r')
				line[bytes - 1] = '\0';
			channel->length -= bytes + 1;
			memmove(channel->buffer, end + 1, channel->length);
			return;
		}
		struct pollfd readable = { channel->fd, POLLIN, 0 };
		int64_t left = deadline - now_of(CLOCK_MONOTONIC);

		if (channel->length == sizeof(channel->buffer))
			channel->length = 0; /* nothing that is waited for is so long */
		if (left <= 0 || poll(&readable, 1, (int)(left / 1000000) + 1) <= 0)
			die("no answer: '%s' was awaited", awaited);
		ssize_t got = read(channel->fd, channel->buffer + channel->length,
				   sizeof(channel->buffer) - channel->length);
		if (got <= 0)
			die("the machine is gone: '%s' was awaited", awaited);
		channel->length += (size_t)got;
	}
}

/* The monitor's answer to one command (QMP): events on the way are passed over. */
static void monitor_run(struct machine *m, const char *command, char answer[LINE_MAX_BYTES])
{
	send_line(&m->monitor, command);
	do
		read_line(&m->monitor, answer, command);
	while (!strstr(answer, "\"return\"") && !strstr(answer, "\"error\""));
	if (strstr(answer, "\"error\""))
		die("%s: %s", command, answer);
}

static void monitor_do(struct machine *m, const char *command)
{
	char answer[LINE_MAX_BYTES];

	monitor_run(m, command, answer);
}

/* What the console says from this word on; the kernel's messages and records before it are passed over. */
static void console_await(struct machine *m, const char *word, char line[LINE_MAX_BYTES])
{
	const char *from;

	do {
		read_line(&m->console, line, word);
		m->said_resumed |= strstr(line, "resumed from a snapshot") != NULL;
		from = strstr(line, word);
	} while (!from);
	memmove(line, from, strlen(from) + 1);
}

static void ask(struct machine *m, const char *question, char answer[LINE_MAX_BYTES])
{
	char word[16];

	snprintf(word, sizeof(word), "=%.*s", (int)strcspn(question, " "), question);
	send_line(&m->console, question);
	console_await(m, word, answer);
}

/* --- the machine --- */

static void run_qemu(const char *incoming, const char *names)
{
	char *arguments[ARGUMENTS_MAX + 32], append[256], monitor[256], console[256], source[256];
	unsigned n = 0;

	snprintf(append, sizeof(append),
		 "init=/beat stdin=pipe stdout=pipe loglevel=7 wall=%lld -- %s",
		 (long long)now_of(CLOCK_REALTIME), program_argument);
	snprintf(monitor, sizeof(monitor), "unix:%s/monitor%s,server=on,wait=off", directory,
		 names);
	snprintf(console, sizeof(console), "unix:%s/console%s,server=on,wait=off", directory,
		 names);
	snprintf(source, sizeof(source), "exec:cat %s/snapshot", directory);
	for (; qemu_arguments[n] && n < ARGUMENTS_MAX; n++)
		arguments[n] = qemu_arguments[n];
	const char *more[] = { "-display",   "none",         "-nodefaults", "-no-user-config",
			       "-no-reboot", "-S",           "-nic",        "none",
			       "-kernel",    (char *)kernel, "-initrd",     image,
			       "-append",    append,         "-qmp",        monitor,
			       "-serial",    console,        NULL };
	for (unsigned i = 0; more[i]; i++)
		arguments[n++] = (char *)more[i];
	if (incoming) {
		arguments[n++] = "-incoming";
		arguments[n++] = source;
	}
	arguments[n] = NULL;
	execvp(arguments[0], arguments);
	fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
	_exit(127);
}

/* Until it has read the snapshot. */
static void await_loaded(struct machine *m)
{
	char answer[LINE_MAX_BYTES];

	for (unsigned tries = 0; tries < PATIENCE_S * 20; tries++) {
		monitor_run(m, "{\"execute\":\"query-status\"}", answer);
		if (!strstr(answer, "inmigrate"))
			return;
		wait_seconds(0.05);
	}
	die("QEMU does not finish reading the snapshot");
}

static void start(struct machine *m, const char *incoming, const char *names)
{
	char name[32];
	unsigned slot = 0;

	m->said_resumed = false;
	fflush(stdout);
	m->pid = fork();
	if (!m->pid)
		run_qemu(incoming, names);
	while (running[slot])
		slot++;
	running[slot] = m->pid;
	snprintf(name, sizeof(name), "monitor%s", names);
	channel_open(&m->monitor, name);
	snprintf(name, sizeof(name), "console%s", names);
	channel_open(&m->console, name);
	monitor_do(m, "{\"execute\":\"qmp_capabilities\"}");
	await_loaded(m);
	monitor_do(m, "{\"execute\":\"cont\"}");
}

static void end(struct machine *m)
{
	monitor_do(m, "{\"execute\":\"quit\"}");
	waitpid(m->pid, NULL, 0);
	for (unsigned i = 0; i < sizeof(running) / sizeof(*running); i++) {
		if (running[i] == m->pid)
			running[i] = 0;
	}
	close(m->monitor.fd);
	close(m->console.fd);
}

/* --- what must be true --- */

static struct reading read_clocks(struct machine *m)
{
	char answer[LINE_MAX_BYTES];
	long long monotonic, wall, by_call;
	struct reading r = { 0 };

	r.host_before_ns = now_of(CLOCK_MONOTONIC);
	r.wall_before_ns = now_of(CLOCK_REALTIME);
	ask(m, "clock", answer);
	r.wall_after_ns = now_of(CLOCK_REALTIME);
	r.host_after_ns = now_of(CLOCK_MONOTONIC);
	if (sscanf(answer, "=clock %lld %lld %lld %lu", &monotonic, &wall, &by_call,
		   &r.went_back) != 4)
		die("the program answers '%s'", answer);
	r.monotonic_ns = monotonic;
	r.wall_ns = wall;
	r.wall_by_call_ns = by_call;
	return r;
}

/* How far the machine's wall clock is from the host's: at least, at most. */
struct distance {
	int64_t low_ns, high_ns;
};

/* A battery clock counts whole seconds from when its machine was made: up to two too few. */
static struct distance first_distance(struct machine *m)
{
	const struct reading r = read_clocks(m);
	const struct distance d = { r.wall_ns - r.wall_after_ns,
				    r.wall_by_call_ns - r.wall_before_ns };

	if (d.high_ns < -3 * S_NS || d.low_ns > 3 * S_NS)
		die("at first: the wall clock is %.3f s off", (double)d.low_ns / 1e9);
	return d;
}

/* As far from the host's as before, within what a clock of whole seconds tells. */
static bool wall_is_right(const struct reading *r, const struct distance *d)
{
	const int64_t tolerance = 3 * S_NS / 2;

	return r->wall_ns >= r->wall_before_ns + d->low_ns - tolerance &&
	       r->wall_by_call_ns <= r->wall_after_ns + d->high_ns + tolerance &&
	       r->wall_by_call_ns >= r->wall_ns;
}

/* The clock is looked at once a second. */
static struct reading await_right_wall(struct machine *m, const struct distance *d,
				       const char *when)
{
	int64_t deadline = now_of(CLOCK_MONOTONIC) + PATIENCE_S * S_NS;
	struct reading r = read_clocks(m);

	while (!wall_is_right(&r, d)) {
		if (now_of(CLOCK_MONOTONIC) > deadline)
			die("%s: the wall clock is %.3f s off", when,
			    (double)(r.wall_ns - r.wall_after_ns) / 1e9);
		wait_seconds(0.2);
		r = read_clocks(m);
	}
	return r;
}

/* Between two readings the monotonic clock has gone on, but not while the machine stood still. */
static void check_monotonic(const struct reading *before, const struct reading *after,
			    int64_t stood_ns, const char *when)
{
	int64_t passed = after->monotonic_ns - before->monotonic_ns;
	int64_t most = after->host_after_ns - before->host_before_ns - stood_ns;

	if (after->went_back)
		die("%s: the monotonic clock went back %lu times", when, after->went_back);
	if (passed < 0)
		die("%s: the monotonic clock went back by %.3f s", when, (double)-passed / 1e9);
	/* A measured rate is a little wrong at first. */
	if (passed > most + most / 20 + S_NS / 2)
		die("%s: the monotonic clock went on by %.3f s, but %.3f s have passed", when,
		    (double)passed / 1e9, (double)most / 1e9);
}

/* The first bytes that a machine hands out. */
static void read_random(struct machine *m, char out[2][20])
{
	char answer[LINE_MAX_BYTES];

	ask(m, "random", answer);
	if (sscanf(answer, "=random %19s %19s", out[0], out[1]) != 2)
		die("the program answers '%s'", answer);
}

static void check_cancelled(struct machine *m, bool wanted, const char *when)
{
	char answer[LINE_MAX_BYTES];

	ask(m, "cancelled", answer);
	if (strcmp(answer, wanted ? "=cancelled 1" : "=cancelled 0"))
		die("%s: a timer to be cancelled when the clock is set: '%s'", when, answer);
}

/* A sleep until a time of the wall clock that came while the machine stood still ends when that clock is set right, which was
 * before `right`: not when so much time has passed in the machine. */
static void check_woken(struct machine *m, const struct reading *right)
{
	int64_t deadline = now_of(CLOCK_MONOTONIC) + PATIENCE_S * S_NS;
	char answer[LINE_MAX_BYTES];
	long long woken = 0;

	while (!woken && now_of(CLOCK_MONOTONIC) < deadline) {
		ask(m, "woken", answer);
		if (sscanf(answer, "=woken %lld", &woken) != 1)
			die("the program answers '%s'", answer);
		wait_seconds(0.1);
	}
	if (!woken)
		die("who slept until a time of the wall clock sleeps still");
	if (woken > right->monotonic_ns + 2 * S_NS)
		die("who slept until a time of the wall clock has slept %.3f s longer",
		    (double)(woken - right->monotonic_ns) / 1e9);
}

static void test_pause(int seconds)
{
	char line[LINE_MAX_BYTES], command[32];
	struct reading before, after;
	struct machine m;

	start(&m, NULL, "");
	console_await(&m, "ready", line);
	const struct distance distance = first_distance(&m);
	/* Not so near that the wall clock gets there by itself. */
	snprintf(command, sizeof(command), "sleep %d", seconds);
	ask(&m, command, line);
	check_cancelled(&m, false, "at first");
	before = read_clocks(&m);
	monitor_do(&m, "{\"execute\":\"stop\"}");
	int64_t stood = now_of(CLOCK_MONOTONIC);

	wait_seconds(seconds);
	stood = now_of(CLOCK_MONOTONIC) - stood;
	monitor_do(&m, "{\"execute\":\"cont\"}");
	after = await_right_wall(&m, &distance, "after the pause");
	check_monotonic(&before, &after, stood, "after the pause");
	check_woken(&m, &after);
	check_cancelled(&m, true, "after the pause");
	check_cancelled(&m, false, "once told");
	end(&m);
}

/* What was before, and for how long at least the machine stood still. */
struct standstill {
	struct distance distance;
	struct reading before;
	int64_t stood_ns;
};

/* What one of the machines that go on from the snapshot does, before the other is looked at. */
static void test_clone(struct machine *m, const struct standstill *s, char random[2][20],
		       bool has_generation)
{
	struct reading after;

	read_random(m, random);
	if (has_generation && !m->said_resumed)
		die("the kernel did not notice before the program ran");
	after = await_right_wall(m, &s->distance, "after the resume");
	check_monotonic(&s->before, &after, s->stood_ns, "after the resume");
	check_cancelled(m, true, "after the resume");
	check_woken(m, &after);
}

static void await_migrated(struct machine *m)
{
	char answer[LINE_MAX_BYTES];

	for (unsigned tries = 0; tries < PATIENCE_S * 10; tries++) {
		monitor_run(m, "{\"execute\":\"query-migrate\"}", answer);
		if (strstr(answer, "\"completed\""))
			return;
		if (strstr(answer, "\"failed\""))
			die("QEMU cannot write the snapshot: %s", answer);
		wait_seconds(0.1);
	}
	die("QEMU does not finish the snapshot");
}

static void take_snapshot(struct machine *m)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"exec:cat >%s/snapshot\"}}",
		 directory);
	monitor_do(m, command);
	await_migrated(m);
}

static void test_clones(int seconds, unsigned count)
{
	char line[LINE_MAX_BYTES], command[32], random[3][2][20];
	struct machine m, clones[2];
	struct standstill s;

	start(&m, NULL, "");
	console_await(&m, "ready", line);
	snprintf(command, sizeof(command), "sleep %d", seconds);
	ask(&m, command, line);
	/* 16 of 32 bytes that are made at once: the rest is in the snapshot. */
	read_random(&m, random[2]);
	s.distance = first_distance(&m);
	s.before = read_clocks(&m);
	/* It stands still from somewhere in the command on. */
	monitor_do(&m, "{\"execute\":\"stop\"}");
	s.stood_ns = now_of(CLOCK_MONOTONIC);
	take_snapshot(&m);
	end(&m);
	wait_seconds(seconds);
	s.stood_ns = now_of(CLOCK_MONOTONIC) - s.stood_ns;
	for (unsigned i = 0; i < count; i++) {
		start(&clones[i], "", i ? "2" : "1");
		test_clone(&clones[i], &s, random[i], count > 1);
	}
	for (unsigned i = 0; i < 2 && count > 1; i++) {
		if (!strcmp(random[0][i], random[1][i]))
			die("both machines got the same bytes from %s: %s",
			    i ? "/dev/urandom" : "getrandom()", random[0][i]);
	}
	for (unsigned i = 0; i < count; i++)
		end(&clones[i]);
}

int main(int argc, char **argv)
{
	if (argc < 8) {
		fputs("usage: drive pause|resume|clones SECONDS KERNEL IMAGE PROGRAM-ARGUMENT "
		      "DIRECTORY QEMU ARGUMENT...\n",
		      stderr);
		return 2;
	}
	kernel = argv[3];
	image = argv[4];
	program_argument = argv[5];
	directory = argv[6];
	qemu_arguments = argv + 7;
	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(argv[1], "pause"))
		test_pause(atoi(argv[2]));
	else
		test_clones(atoi(argv[2]), strcmp(argv[1], "clones") ? 1 : 2);
	return 0;
}
