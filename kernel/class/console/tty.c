/* SPDX-License-Identifier: BSD-3-Clause */
/* The terminal over the console: reading, writing, waiting. See <class/tty.h>. */
#include <class/tty.h>

#include "tty_internal.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <class/console.h>
#include <core/params.h>
#include <core/status.h>
#include <core/time.h>
#include <mm/alloc.h>

enum {
	POLL_IN = 1,
	POLL_OUT = 4,
	POLL_HUP = 16,
	POLL_RDNORM = 64,
	POLL_WRNORM = 256,
	INPUT_CHUNK = 64,
	INPUT_ROUNDS = 1 << 14, /* then the device, which always has more, is broken */
	OUTPUT_CHUNK = 256,
	RETRY_MS = 1,
	VTIME_UNIT_MS = 100,
};

/** The machine has one console, and so far one terminal. */
static struct tty the_tty = {
	.termios = {
		.iflag = IFLAG_ICRNL | IFLAG_IXON | IFLAG_IUTF8,
		.oflag = OFLAG_OPOST | OFLAG_ONLCR,
		.cflag = CFLAG_B115200 | CFLAG_CS8 | CFLAG_CREAD | CFLAG_HUPCL | CFLAG_CLOCAL,
		.lflag = LFLAG_ISIG | LFLAG_ICANON | LFLAG_ECHO | LFLAG_ECHOE | LFLAG_ECHOK |
			 LFLAG_ECHOCTL | LFLAG_ECHOKE | LFLAG_IEXTEN,
		.cc = {
			[CC_VINTR] = 'C' & 0x1f, [CC_VQUIT] = '\\' & 0x1f, [CC_VERASE] = 0x7f,
			[CC_VKILL] = 'U' & 0x1f, [CC_VEOF] = 'D' & 0x1f, [CC_VMIN] = 1,
			[CC_VSTART] = 'Q' & 0x1f, [CC_VSTOP] = 'S' & 0x1f, [CC_VSUSP] = 'Z' & 0x1f,
			[CC_VREPRINT] = 'R' & 0x1f, [CC_VDISCARD] = 'O' & 0x1f,
			[CC_VWERASE] = 'W' & 0x1f, [CC_VLNEXT] = 'V' & 0x1f,
		},
		.ispeed = 115200,
		.ospeed = 115200,
	},
	.group = 1,
	.session = 1,
};

static void (*signal_hook)(int signal);

struct tty *tty_console(void)
{
	return &the_tty;
}

bool tty_stdin_is_terminal(void)
{
	return !the_tty.stdin_pipe;
}

bool tty_stdout_is_terminal(void)
{
	return !the_tty.stdout_pipe;
}

void tty_set_group(struct tty *tty, int group, int session)
{
	spin_lock(&tty->lock);
	tty->group = group;
	tty->session = session;
	spin_unlock(&tty->lock);
}

void tty_unlock_and_tell(struct tty *tty)
{
	uint32_t signals = tty->signals;

	tty->signals = 0;
	spin_unlock(&tty->lock);
	waitq_wake_all(&tty->changed);
	while (signals) {
		unsigned signal = (unsigned)__builtin_ctz(signals);

		signals &= signals - 1;
		if (signal_hook)
			signal_hook((int)signal);
	}
}

/* Input */

/** Takes from the device what there is room for; pauses it where there is none. */
static void pull(struct tty *tty) REQUIRES(tty->lock)
{
	uint8_t chunk[INPUT_CHUNK];

	for (unsigned round = 0; round < INPUT_ROUNDS; round++) {
		size_t room = min(tty_input_room(tty), sizeof chunk);
		size_t n;

		if (!room)
			break;
		n = console_read(chunk, room);
		tty_input(tty, chunk, n);
		if (n < room)
			return;
	}
	tty->paused = true;
	console_pause_input();
}

void tty_input_resume(struct tty *tty)
{
	if (!tty->paused || tty_input_room(tty) < TTY_RING / 2)
		return;
	tty->paused = false;
	console_resume_input();
	pull(tty);
}

static void input_arrived(void *context)
{
	struct tty *tty = context;

	spin_lock(&tty->lock);
	if (!tty->paused)
		pull(tty);
	tty_unlock_and_tell(tty);
}

int tty_start_input(struct tty *tty)
{
	struct tty_ring *ring;
	bool first;

	if (tty->ring || tty->eof)
		return 0;
	ring = mem_alloc(sizeof *ring);
	if (!ring)
		return -ENOMEM;
	memset(ring->marks, 0, sizeof ring->marks);
	spin_lock(&tty->lock);
	first = !tty->ring;
	if (first)
		tty->ring = ring;
	spin_unlock(&tty->lock);
	if (!first)
		mem_free(ring);
	else if (console_start_input(input_arrived, tty))
		tty->eof = true; /* no console: nothing will ever come */
	else if (tty->asks_for_input)
		console_write(INPUT_RECORD, sizeof INPUT_RECORD - 1);
	return 0;
}

/** How a read in non-canonical mode ends (termios(3), cases A to D). */
struct patience {
	uint32_t least;       /* bytes to wait for */
	uint64_t interval_ns; /* 0: no limit */
	bool from_start;      /* the limit counts from the start, not from the last byte */
	bool at_once;
};

static struct patience patience_of(const struct tty *tty, size_t count) REQUIRES(tty->lock)
{
	uint8_t vmin = tty->termios.cc[CC_VMIN], vtime = tty->termios.cc[CC_VTIME];
	bool raw = !tty->stdin_pipe && !tty_canonical(tty);

	if (!raw)
		return (struct patience){ .least = 1 };
	return (struct patience){
		.least = (uint32_t)min(count, (size_t)max(vmin, 1)),
		.interval_ns = vtime * VTIME_UNIT_MS * NS_PER_MS,
		.from_start = !vmin,
		.at_once = !vmin && !vtime,
	};
}

static uint64_t deadline_after(uint64_t interval_ns)
{
	return interval_ns ? time_now() + interval_ns : TIME_NEVER;
}

/** Waits until a read of `count` bytes has something to return: 0; -EAGAIN, -EINTR; -ETIMEDOUT: it
 * returns what there is. */
static int wait_for_input(struct tty *tty, size_t count, bool nonblocking) REQUIRES(tty->lock)
{
	uint64_t deadline = TIME_NEVER;
	uint32_t seen = tty->head;
	bool first = true;

	for (;; first = false) {
		/* Each time anew: another thread may have changed the mode. */
		struct patience patience = patience_of(tty, count);
		bool some = tty->head != tty->tail;
		int error;

		if (tty_input_ready(tty, patience.least))
			return 0;
		if (patience.at_once)
			return -ETIMEDOUT;
		if (nonblocking)
			return some && !tty_canonical(tty) ? 0 : -EAGAIN;
		if (patience.from_start ? first : (some && (first || tty->head != seen)))
			deadline = deadline_after(patience.interval_ns);
		seen = tty->head;
		error = waitq_wait(&tty->changed, &tty->lock, deadline, WAIT_INTERRUPTIBLE);
		if (error)
			return error;
	}
}

ssize_t tty_read(struct tty *tty, void *kernel_buffer, size_t count, bool nonblocking)
{
	ssize_t result;

	result = tty_start_input(tty);
	if (result || !count)
		return result;
	spin_lock(&tty->lock);
	result = wait_for_input(tty, count, nonblocking);
	/* After a timeout or signal in non-canonical mode, what has come so far is the result. */
	if (!result || ((result == -ETIMEDOUT || result == -EINTR) && !tty_canonical(tty) &&
			tty->head != tty->tail))
		result = (ssize_t)tty_input_take(tty, kernel_buffer, count);
	else if (result == -ETIMEDOUT)
		result = 0;
	tty_input_resume(tty);
	tty_unlock_and_tell(tty);
	return result;
}

unsigned tty_poll(struct tty *tty, struct waitq **queue)
{
	unsigned events = 0;
	uint32_t least = 1;

	*queue = &tty->changed;
	/* Without memory for input there will be no input. */
	if (tty_start_input(tty))
		return POLL_OUT | POLL_WRNORM;
	spin_lock(&tty->lock);
	if (!tty->stdin_pipe && !tty->termios.cc[CC_VTIME])
		least = max(tty->termios.cc[CC_VMIN], 1);
	if (tty_input_ready(tty, least))
		events |= POLL_IN | POLL_RDNORM;
	if (tty->eof && tty->head == tty->tail)
		events |= POLL_HUP;
	if (!tty->stopped || tty->stdout_pipe)
		events |= POLL_OUT | POLL_WRNORM;
	/* Telling would wake the caller, who is in the queue, for ever. */
	spin_unlock(&tty->lock);
	return events;
}

/* Output */

static int wait_while_stopped(struct tty *tty, bool nonblocking) REQUIRES(tty->lock)
{
	int error = 0;

	while (tty->stopped && !tty->stdout_pipe && !error)
		error = nonblocking ? -EAGAIN
				    : waitq_wait(&tty->changed, &tty->lock, TIME_NEVER,
						 WAIT_INTERRUPTIBLE);
	return error;
}

/** What one call writes stays together: waits until no other does. */
static int begin_writing(struct tty *tty, bool nonblocking) REQUIRES(tty->lock)
{
	int error = 0;

	while (tty->writing && !error) {
		tty->writers_waiting = true;
		error = nonblocking ? -EAGAIN
				    : waitq_wait(&tty->changed, &tty->lock, TIME_NEVER,
						 WAIT_INTERRUPTIBLE);
	}
	tty->writing |= !error;
	return error;
}

/** Releases the lock. */
static void end_writing(struct tty *tty) RELEASE(tty->lock)
{
	bool wake = tty->writers_waiting;

	tty->writing = tty->writers_waiting = false;
	spin_unlock(&tty->lock);
	if (wake)
		waitq_wake_all(&tty->changed);
}

/** Hands bytes to the device, waiting while the host takes none. *done is how many went, whatever
 * the result. */
static int write_device(const uint8_t *bytes, size_t count, bool nonblocking, size_t *done)
{
	*done = console_write(bytes, count);
	while (*done < count) {
		int error = nonblocking ? -EAGAIN
					: thread_sleep_until(time_now() + RETRY_MS * NS_PER_MS,
							     WAIT_INTERRUPTIBLE);

		if (error)
			return error;
		*done += console_write(bytes + *done, count - *done);
	}
	return 0;
}

static int write_raw(struct tty *tty, const uint8_t *bytes, size_t count, bool nonblocking,
		     size_t *done) REQUIRES(tty->lock)
{
	int error;

	spin_unlock(&tty->lock);
	error = write_device(bytes, count, nonblocking, done);
	spin_lock(&tty->lock);
	return error;
}

/** Processes and writes the beginning of the bytes; *done is how many of them went. */
static int write_processed(struct tty *tty, const uint8_t *bytes, size_t count, bool nonblocking,
			   size_t *done) REQUIRES(tty->lock)
{
	uint8_t out[OUTPUT_CHUNK];
	uint32_t column = tty->column, canon_column = tty->canon_column;
	size_t n = tty_output(tty, bytes, count, out, sizeof out, done), written;
	int error = write_raw(tty, out, n, nonblocking, &written);

	if (!error)
		return 0;
	/* Only a part went: find out of what. */
	tty->column = column;
	tty->canon_column = canon_column;
	tty_output(tty, bytes, count, out, written, done);
	return error;
}

ssize_t tty_write(struct tty *tty, const void *kernel_buffer, size_t count, bool nonblocking)
{
	const uint8_t *bytes = kernel_buffer;
	size_t done = 0, n;
	int error;

	if (!console_present())
		return (ssize_t)count;
	spin_lock(&tty->lock);
	error = begin_writing(tty, nonblocking);
	if (error) {
		spin_unlock(&tty->lock);
		return error;
	}
	while (done < count && !error) {
		error = wait_while_stopped(tty, nonblocking);
		if (error)
			break;
		if (tty->stdout_pipe || !(tty->termios.oflag & OFLAG_OPOST))
			error = write_raw(tty, bytes + done, count - done, nonblocking, &n);
		else
			error = write_processed(tty, bytes + done, count - done, nonblocking, &n);
		done += n;
	}
	end_writing(tty);
	return done || !error ? (ssize_t)done : error;
}

int tty_drain(struct tty *tty)
{
	int error;

	spin_lock(&tty->lock);
	error = wait_while_stopped(tty, false);
	spin_unlock(&tty->lock);
	while (!error && !console_flush())
		error = thread_sleep_until(time_now() + RETRY_MS * NS_PER_MS, WAIT_INTERRUPTIBLE);
	return error;
}

/* Start */

static bool is_value(const char *value, const char *wanted)
{
	return value && !strcmp(value, wanted);
}

/** "24x80"; anything else leaves the size unknown, which programs see as 0 by 0. */
static struct tty_window parse_window(const char *text)
{
	uint32_t numbers[2] = { 0, 0 };
	unsigned which = 0;

	for (; text && *text; text++) {
		if (*text == 'x' && !which) {
			which = 1;
			continue;
		}
		if (*text < '0' || *text > '9')
			return (struct tty_window){ 0 };
		numbers[which] = numbers[which] * 10 + (uint32_t)(*text - '0');
		if (numbers[which] > UINT16_MAX)
			return (struct tty_window){ 0 };
	}
	return (struct tty_window){ .rows = (uint16_t)numbers[0], .columns = (uint16_t)numbers[1] };
}

void tty_init(void)
{
	struct tty *tty = &the_tty;
	const char *stdin_kind = params_get("stdin");

	spin_init(&tty->lock);
	waitq_init(&tty->changed);
	tty->stdin_pipe = is_value(stdin_kind, "pipe");
	tty->stdout_pipe = is_value(params_get("stdout"), "pipe");
	tty->window = parse_window(params_get("winsize"));
	tty->asks_for_input = stdin_kind;
	tty->early_input = is_value(stdin_kind, "tty");
}

void tty_set_signal_hook(void (*fn)(int signal))
{
	struct tty *tty = &the_tty;

	signal_hook = fn;
	if (fn && tty->early_input && tty_start_input(tty))
		log_warning("no memory for the terminal's input");
}
