/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The copy loop. Each direction holds one piece of data; while it is not written, no more is read, so
 * that a slow reader slows the machine down and nothing is lost.
 */
#include "session.h"

#include "console.h"
#include "report.h"
#include "signals.h"
#include "terminal.h"

#include <base/bits.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIECE_BYTES = 16 * 1024 };
/* What a pipe takes without blocking once poll() says it takes something. */
enum { WRITE_BYTES = 4096 };

/* Text on its way. */
struct flow {
	struct text text;
	size_t done;
};

struct session {
	const struct session_setup *setup;
	struct record_parser record;
	struct typed_interrupts interrupts;
	struct flow out, in;
	int far_end; /* of the setup, until it is closed */
	bool stdin_is_terminal, input_ended, console_ended;
	int status; /* at least 0: the machine is to be ended, with this status */
};

enum polled { AT_SIGNALS, AT_FROM_VM, AT_STDOUT, AT_STDIN, AT_TO_VM, AT_ERR, AT_COUNT };

static bool flow_pending(const struct flow *f)
{
	return f->done < f->text.bytes;
}

/* Writes some of it. 0 or a negative errno; -EAGAIN and the like count as nothing written. */
static int flow_write(struct flow *f, int fd, size_t limit)
{
	size_t bytes = min(f->text.bytes - f->done, limit);
	ssize_t written = write(fd, f->text.data + f->done, bytes);

	if (written < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	f->done += (size_t)written;
	if (!flow_pending(f))
		f->done = f->text.bytes = 0;
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int session_ending_status(void)
{
	int signal = signals_ending();

	if (signal != SIGALRM)
		return EXIT_SIGNAL_BASE + signal;
	report("the time of --timeout ran out");
	return EXIT_TIMED_OUT;
}

/* What is O_NONBLOCK is the pipe's end, not the descriptor of the one who said so: to take it back here is enough. It was said
 * before the first output. While it is open here the machine's end would not be seen. */
static void let_go_of_far_end(struct session *s)
{
	if (s->far_end < 0)
		return;
	fcntl(s->far_end, F_SETFL, 0);
	close(s->far_end);
	s->far_end = -1;
}

static void hand_over(struct session *s)
{
	const struct console_sink *sink = s->setup->sink;

	if (!sink || !flow_pending(&s->out))
		return;
	sink->take(sink->context, s->out.text.data + s->out.done, s->out.text.bytes - s->out.done);
	s->out.done = s->out.text.bytes = 0;
}

static void read_console(struct session *s)
{
	char bytes[PIECE_BYTES];
	ssize_t got = read(s->setup->from_vm, bytes, sizeof bytes);

	if (got > 0)
		record_feed(&s->record, bytes, (size_t)got, &s->out.text);
	else if (got == 0 || (errno != EINTR && errno != EAGAIN))
		s->console_ended = true;
	hand_over(s);
}

static void read_input(struct session *s)
{
	char bytes[PIECE_BYTES];
	ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		s->input_ended = true;
		if (!s->setup->terminal)
			frame_end_of_file(&s->in.text);
	} else if (!s->setup->terminal) {
		frame_input(bytes, (size_t)got, &s->in.text);
	} else {
		text_append(&s->in.text, bytes, (size_t)got);
		if (typed_interrupts_feed(&s->interrupts, bytes, (size_t)got, now_ms()))
			s->status = EXIT_SIGNAL_BASE + SIGINT;
	}
}

static void write_output(struct session *s)
{
	int err = flow_write(&s->out, STDOUT_FILENO, WRITE_BYTES);

	if (!err)
		return;
	if (err != -EPIPE)
		report("write error: %s", strerror(-err));
	s->status = err == -EPIPE ? EXIT_SIGNAL_BASE + SIGPIPE : EXIT_CANNOT_RUN;
}

static void write_input(struct session *s)
{
	/* A machine that has ended takes no more; its console says so too. */
	if (flow_write(&s->in, s->setup->to_vm, SIZE_MAX)) {
		s->in.done = s->in.text.bytes = 0;
		s->input_ended = true;
	}
}

/* Stops with the machine, and goes on with it. */
static void suspend(struct session *s)
{
	terminal_restore();
	kill(-s->setup->vm->pid, SIGSTOP);
	signals_stop_self();
	kill(-s->setup->vm->pid, SIGCONT);
	if (s->setup->terminal)
		terminal_enter_raw();
}

static void heed_signals(struct session *s)
{
	signals_drain();
	if (signals_ending()) {
		terminal_restore();
		s->status = session_ending_status();
		return;
	}
	if (signals_take_stop())
		suspend(s);
	if (signals_take_continue() && s->setup->terminal)
		terminal_enter_raw();
}

/* Keys are read from the beginning: three Ctrl-C must work. */
static bool want_input(const struct session *s)
{
	if (s->input_ended || flow_pending(&s->in))
		return false;
	if (!s->record.input_wanted && !s->setup->terminal)
		return false;
	return !s->stdin_is_terminal || terminal_in_foreground();
}

static void fill_polled(const struct session *s, struct pollfd polled[AT_COUNT])
{
	const struct session_setup *setup = s->setup;

	for (int i = 0; i < AT_COUNT; i++)
		polled[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	polled[AT_SIGNALS].fd = signals_fd();
	polled[AT_ERR].fd = setup->vm->err_fd;
	if (!s->console_ended && !flow_pending(&s->out))
		polled[AT_FROM_VM].fd = setup->from_vm;
	if (want_input(s))
		polled[AT_STDIN].fd = STDIN_FILENO;
	if (flow_pending(&s->out))
		polled[AT_STDOUT] = (struct pollfd){ .fd = STDOUT_FILENO, .events = POLLOUT };
	if (s->record.input_wanted && flow_pending(&s->in))
		polled[AT_TO_VM] = (struct pollfd){ .fd = setup->to_vm, .events = POLLOUT };
}

static void step(struct session *s)
{
	struct pollfd polled[AT_COUNT];

	fill_polled(s, polled);
	if (poll(polled, AT_COUNT, -1) < 0)
		return; /* EINTR: the next round sees the signal's note */
	if (polled[AT_SIGNALS].revents)
		heed_signals(s);
	if (s->status >= 0)
		return;
	if (polled[AT_ERR].revents)
		child_read_err(s->setup->vm);
	if (polled[AT_FROM_VM].revents || s->setup->vm->err_fd < 0)
		let_go_of_far_end(s);
	if (polled[AT_FROM_VM].revents)
		read_console(s);
	if (polled[AT_STDOUT].revents)
		write_output(s);
	if (polled[AT_STDIN].revents)
		read_input(s);
	if (polled[AT_TO_VM].revents)
		write_input(s);
}

/* The machine has ended by itself, and `told` is what its record says, or -1. */
static int judge_end(const struct session_setup *setup, int told)
{
	struct child *vm = setup->vm;

	if (told >= 0 && !setup->wait) {
		child_leave(vm);
		return told;
	}
	int ended = child_wait(vm);

	if (ended == -EINTR && told < 0)
		return session_ending_status();
	if (told >= 0)
		return told;
	report_lines(setup->vmm, text_get(&vm->err));
	if (WIFEXITED(ended) && WEXITSTATUS(ended)) {
		if (!vm->err.bytes) /* else it has said what it is */
			report("%s failed with status %d", setup->vmm, WEXITSTATUS(ended));
		return EXIT_CANNOT_RUN;
	}
	if (WIFSIGNALED(ended))
		report("%s was killed by signal %d", setup->vmm, WTERMSIG(ended));
	report("the machine ended without telling a status");
	return EXIT_NO_STATUS;
}

static void copy_until_end(struct session *s)
{
	int told;

	while (s->status < 0 && !s->console_ended)
		step(s);
	if (s->status >= 0)
		return;
	told = record_finish(&s->record, &s->out.text);
	hand_over(s);
	while (s->status < 0 && flow_pending(&s->out))
		step(s);
	terminal_restore();
	if (s->status < 0)
		s->status = judge_end(s->setup, told);
}

int session_run(const struct session_setup *setup)
{
	struct session s = {
		.setup = setup,
		.far_end = setup->far_end,
		.stdin_is_terminal = isatty(STDIN_FILENO),
		.status = -1,
	};

	record_init(&s.record);
	fcntl(setup->to_vm, F_SETFL, O_NONBLOCK);
	if (setup->terminal)
		terminal_enter_raw();
	if (signals_watch_jobs())
		s.status = EXIT_CANNOT_RUN;
	copy_until_end(&s);
	terminal_restore();
	child_kill(setup->vm);
	let_go_of_far_end(&s);
	close(setup->to_vm);
	close(setup->from_vm);
	text_free(&s.out.text);
	text_free(&s.in.text);
	return s.status;
}
