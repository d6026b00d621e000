/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Input of a terminal: bytes of the device to lines, echo and signals (termios(3); the cases that
 * it leaves open are as in Linux's n_tty). Or, where a pipe is at the other end, the plain bytes
 * out of their frame.
 */
#include "tty_internal.h"

#include <base/bits.h>
#include <base/string.h>
#include <class/console.h>

static uint8_t byte_at(const struct tty *tty, uint32_t position)
{
	return tty->ring->bytes[position % TTY_RING];
}

static bool is_marked(const struct tty *tty, uint32_t position)
{
	return tty->ring->marks[position % TTY_RING / 64] & BIT64(position % 64);
}

static void mark(struct tty *tty, uint32_t position)
{
	tty->ring->marks[position % TTY_RING / 64] |= BIT64(position % 64);
}

static void unmark(struct tty *tty, uint32_t position)
{
	tty->ring->marks[position % TTY_RING / 64] &= ~BIT64(position % 64);
}

static uint32_t used(const struct tty *tty)
{
	return tty->head - tty->tail;
}

static void put(struct tty *tty, uint8_t c)
{
	if (used(tty) < TTY_RING)
		tty->ring->bytes[tty->head++ % TTY_RING] = c;
}

static bool local(const struct tty *tty, uint32_t flags)
{
	return tty->termios.lflag & flags;
}

/** Whether `c` is this control character; 0 means that there is none (_POSIX_VDISABLE). */
static bool is_cc(const struct tty *tty, enum tty_control_character which, uint8_t c)
{
	return c && tty->termios.cc[which] == c;
}

/* Echo */

void tty_echo_flush(struct tty *tty)
{
	/* What a device does not take at once is lost: as nothing can be waited for here. */
	if (tty->echo_bytes)
		console_write(tty->echo, tty->echo_bytes);
	tty->echo_bytes = 0;
}

/** Echoes a byte through output processing. */
static void echo_raw(struct tty *tty, uint8_t c) REQUIRES(tty->lock)
{
	/* Into a pipe it would be output that the program never wrote. */
	if (tty->stdout_pipe)
		return;
	if (tty->echo_bytes > TTY_ECHO - TTY_EXPANSION)
		tty_echo_flush(tty);
	tty->echo_bytes += (uint32_t)tty_output_byte(tty, c, tty->echo + tty->echo_bytes);
}

static void echo_text(struct tty *tty, const char *text) REQUIRES(tty->lock)
{
	while (*text)
		echo_raw(tty, (uint8_t)*text++);
}

/** Echoes a byte; control characters as ^X. */
static void echo_char(struct tty *tty, uint8_t c) REQUIRES(tty->lock)
{
	if (local(tty, LFLAG_ECHOCTL) && tty_is_control(c) && c != '\t') {
		echo_raw(tty, '^');
		echo_raw(tty, c ^ 0x40);
	} else {
		echo_raw(tty, c);
	}
}

static void finish_erasing(struct tty *tty) REQUIRES(tty->lock)
{
	if (tty->erasing)
		echo_raw(tty, '/');
	tty->erasing = false;
}

/** Echoes what goes into the line. */
static void echo_typed(struct tty *tty, uint8_t c) REQUIRES(tty->lock)
{
	if (!local(tty, LFLAG_ECHO))
		return;
	finish_erasing(tty);
	if (tty->canon_head == tty->head)
		tty->canon_column = tty->column;
	if (c == '\n')
		echo_raw(tty, '\n');
	else
		echo_char(tty, c);
}

/* Erasing */

/** Back over a tab: to where the cursor is without it. */
static void echo_erase_tab(struct tty *tty) REQUIRES(tty->lock)
{
	uint32_t column = 0, position = tty->head;
	bool after_tab = false;

	while (position != tty->canon_head && !after_tab) {
		uint8_t c = byte_at(tty, --position);

		if (c == '\t')
			after_tab = true;
		else if (tty_is_control(c))
			column += local(tty, LFLAG_ECHOCTL) ? 2 : 0;
		else if (!tty_is_continuation(tty, c))
			column++;
	}
	if (!after_tab)
		column += tty->canon_column;
	for (column = 8 - column % 8; column; column--)
		echo_raw(tty, '\b');
}

/** The echo of erasing a character that began with `c` and had `bytes` bytes, now behind the head.
 */
static void echo_erased(struct tty *tty, uint8_t c, uint32_t bytes, bool one) REQUIRES(tty->lock)
{
	if (local(tty, LFLAG_ECHOPRT)) {
		if (!tty->erasing)
			echo_raw(tty, '\\');
		tty->erasing = true;
		echo_char(tty, c);
		for (uint32_t i = 1; i < bytes; i++)
			echo_raw(tty, byte_at(tty, tty->head + i));
	} else if (one && !local(tty, LFLAG_ECHOE)) {
		echo_char(tty, tty->termios.cc[CC_VERASE]);
	} else if (c == '\t') {
		echo_erase_tab(tty);
	} else {
		if (tty_is_control(c) && local(tty, LFLAG_ECHOCTL))
			echo_text(tty, "\b \b");
		if (!tty_is_control(c) || local(tty, LFLAG_ECHOCTL))
			echo_text(tty, "\b \b");
	}
}

/** VKILL where the line cannot be wiped off the screen. */
static void kill_unseen(struct tty *tty) REQUIRES(tty->lock)
{
	tty->head = tty->canon_head;
	if (!local(tty, LFLAG_ECHO))
		return;
	finish_erasing(tty);
	echo_char(tty, tty->termios.cc[CC_VKILL]);
	if (local(tty, LFLAG_ECHOK))
		echo_raw(tty, '\n');
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c >= 0x80;
}

enum erase_what { ERASE_ONE, ERASE_WORD, ERASE_LINE };

static void erase(struct tty *tty, enum erase_what what) REQUIRES(tty->lock)
{
	const uint32_t wipe = LFLAG_ECHOK | LFLAG_ECHOKE | LFLAG_ECHOE;
	bool in_word = false;

	if (tty->head == tty->canon_head)
		return;
	if (what == ERASE_LINE &&
	    (!local(tty, LFLAG_ECHO) || (tty->termios.lflag & wipe) != wipe)) {
		kill_unseen(tty);
		return;
	}
	while (tty->head != tty->canon_head) {
		uint32_t from = tty->head, bytes;
		uint8_t c;

		do
			c = byte_at(tty, --from);
		while (tty_is_continuation(tty, c) && from != tty->canon_head);
		if (tty_is_continuation(tty, c) || (what == ERASE_WORD && in_word && !is_word(c)))
			break;
		in_word |= is_word(c);
		bytes = tty->head - from;
		tty->head = from;
		if (local(tty, LFLAG_ECHO))
			echo_erased(tty, c, bytes, what == ERASE_ONE);
		if (what == ERASE_ONE)
			break;
	}
	if (tty->head == tty->canon_head && local(tty, LFLAG_ECHO))
		finish_erasing(tty);
}

/* Keys with a meaning of their own: each function returns whether `c` was one. */

static bool key_of_flow(struct tty *tty, uint8_t c) REQUIRES(tty->lock)
{
	if (!(tty->termios.iflag & IFLAG_IXON))
		return false;
	if (is_cc(tty, CC_VSTART, c)) {
		tty->stopped = false;
		return true;
	}
	if (is_cc(tty, CC_VSTOP, c)) {
		tty->stopped = true;
		return true;
	}
	return false;
}

static bool key_of_signal(struct tty *tty, uint8_t c) REQUIRES(tty->lock)
{
	unsigned signal;

	if (!local(tty, LFLAG_ISIG))
		return false;
	if (is_cc(tty, CC_VINTR, c))
		signal = TTY_SIGINT;
	else if (is_cc(tty, CC_VQUIT, c))
		signal = TTY_SIGQUIT;
	else if (is_cc(tty, CC_VSUSP, c))
		signal = TTY_SIGTSTP;
	else
		return false;
	if (!local(tty, LFLAG_NOFLSH))
		tty_input_flush(tty);
	if (tty->termios.iflag & IFLAG_IXON)
		tty->stopped = false;
	if (local(tty, LFLAG_ECHO))
		echo_char(tty, c);
	tty->signals |= BIT(signal);
	return true;
}

static bool key_of_erasing(struct tty *tty, uint8_t c) REQUIRES(tty->lock)
{
	if (is_cc(tty, CC_VERASE, c))
		erase(tty, ERASE_ONE);
	else if (is_cc(tty, CC_VKILL, c))
		erase(tty, ERASE_LINE);
	else if (is_cc(tty, CC_VWERASE, c) && local(tty, LFLAG_IEXTEN))
		erase(tty, ERASE_WORD);
	else
		return false;
	return true;
}

static bool key_of_editing(struct tty *tty, uint8_t c) REQUIRES(tty->lock)
{
	if (key_of_erasing(tty, c))
		return true;
	if (!local(tty, LFLAG_IEXTEN))
		return false;
	if (is_cc(tty, CC_VLNEXT, c)) {
		tty->lnext = true;
		if (local(tty, LFLAG_ECHO)) {
			finish_erasing(tty);
			if (local(tty, LFLAG_ECHOCTL))
				echo_text(tty, "^\b");
		}
		return true;
	}
	if (is_cc(tty, CC_VREPRINT, c) && local(tty, LFLAG_ECHO)) {
		finish_erasing(tty);
		echo_char(tty, c);
		echo_raw(tty, '\n');
		for (uint32_t at = tty->canon_head; at != tty->head; at++)
			echo_char(tty, byte_at(tty, at));
		return true;
	}
	return false;
}

static void end_line(struct tty *tty, uint8_t c)
{
	if (used(tty) == TTY_RING)
		return;
	mark(tty, tty->head);
	put(tty, c);
	tty->canon_head = tty->head;
}

static bool key_of_line_end(struct tty *tty, uint8_t c) REQUIRES(tty->lock)
{
	if (c == '\n') {
		if (local(tty, LFLAG_ECHO | LFLAG_ECHONL))
			echo_raw(tty, '\n');
		end_line(tty, c);
	} else if (is_cc(tty, CC_VEOF, c)) {
		end_line(tty, 0);
	} else if (is_cc(tty, CC_VEOL, c) ||
		   (is_cc(tty, CC_VEOL2, c) && local(tty, LFLAG_IEXTEN))) {
		echo_typed(tty, c);
		end_line(tty, c);
	} else {
		return false;
	}
	return true;
}

/* Bytes */

static void input_typed(struct tty *tty, uint8_t c) REQUIRES(tty->lock)
{
	echo_typed(tty, c);
	if (c == 0xff && tty->termios.iflag & IFLAG_PARMRK)
		put(tty, c);
	put(tty, c);
}

static void input_byte(struct tty *tty, uint8_t c) REQUIRES(tty->lock)
{
	uint32_t flags = tty->termios.iflag;

	/* A line that is too long: its last place is for what ends it. */
	if (used(tty) == TTY_RING && tty_canonical(tty) && tty->head != tty->canon_head)
		tty->head--;
	if (flags & IFLAG_ISTRIP)
		c &= 0x7f;
	if (flags & IFLAG_IUCLC && local(tty, LFLAG_IEXTEN) && c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (tty->lnext) {
		tty->lnext = false;
		input_typed(tty, c);
		return;
	}
	if (key_of_flow(tty, c) || key_of_signal(tty, c))
		return;
	if ((flags & (IFLAG_IXON | IFLAG_IXANY)) == (IFLAG_IXON | IFLAG_IXANY))
		tty->stopped = false;
	if (c == '\r' && flags & IFLAG_IGNCR)
		return;
	if (c == '\r' && flags & IFLAG_ICRNL)
		c = '\n';
	else if (c == '\n' && flags & IFLAG_INLCR)
		c = '\r';
	if (tty_canonical(tty) && (key_of_editing(tty, c) || key_of_line_end(tty, c)))
		return;
	input_typed(tty, c);
}

/** A byte of the frame around a pipe. DLE before anything else means nothing yet: that byte is
 * dropped. */
static void input_framed(struct tty *tty, uint8_t c)
{
	if (tty->eof)
		return;
	if (tty->dle) {
		tty->dle = false;
		tty->eof = c == TTY_EOT;
		if (c == TTY_DLE)
			put(tty, c);
	} else if (c == TTY_DLE) {
		tty->dle = true;
	} else {
		put(tty, c);
	}
}

void tty_input(struct tty *tty, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (tty->stdin_pipe)
			input_framed(tty, bytes[i]);
		else
			input_byte(tty, bytes[i]);
	}
	tty_echo_flush(tty);
}

size_t tty_input_room(const struct tty *tty)
{
	if (tty->eof)
		return 0;
	if (tty->stdin_pipe)
		return TTY_RING - used(tty);
	/* Nobody can read a line before its end has come: what does not fit is dropped. */
	if (tty_canonical(tty) && tty->canon_head == tty->tail)
		return TTY_RING;
	return used(tty) < TTY_RING - 1 ? TTY_RING - 1 - used(tty) : 0;
}

/* Reading */

bool tty_input_ready(const struct tty *tty, uint32_t least)
{
	if (tty->eof)
		return true;
	if (!tty->stdin_pipe && tty_canonical(tty))
		return tty->canon_head != tty->tail;
	return used(tty) >= least;
}

static size_t take_line(struct tty *tty, uint8_t *out, size_t count)
{
	size_t done = 0;

	while (tty->tail != tty->canon_head) {
		uint8_t c = byte_at(tty, tty->tail);
		bool ends = is_marked(tty, tty->tail);

		/* An end of file right behind the last byte that was asked for belongs to this
		 * read. */
		if (done == count && !(ends && !c))
			break;
		unmark(tty, tty->tail++);
		if (c || !ends)
			out[done++] = c;
		if (ends)
			break;
	}
	return done;
}

static size_t take_bytes(struct tty *tty, uint8_t *out, size_t count)
{
	size_t n = min(count, (size_t)used(tty));
	size_t at = tty->tail % TTY_RING;
	size_t first = min(n, TTY_RING - at);

	if (!n)
		return 0;
	memcpy(out, tty->ring->bytes + at, first);
	memcpy(out + first, tty->ring->bytes, n - first);
	tty->tail += (uint32_t)n;
	tty->canon_head = tty->tail;
	return n;
}

size_t tty_input_take(struct tty *tty, uint8_t *out, size_t count)
{
	if (!tty->stdin_pipe && tty_canonical(tty))
		return take_line(tty, out, count);
	return take_bytes(tty, out, count);
}

uint32_t tty_input_count(const struct tty *tty)
{
	uint32_t count;

	if (tty->stdin_pipe || !tty_canonical(tty))
		return used(tty);
	count = tty->canon_head - tty->tail;
	for (uint32_t at = tty->tail; at != tty->canon_head; at++)
		count -= is_marked(tty, at) && !byte_at(tty, at);
	return count;
}

static void forget_marks(struct tty *tty)
{
	if (tty->ring)
		memset(tty->ring->marks, 0, sizeof tty->ring->marks);
}

void tty_input_flush(struct tty *tty)
{
	if (tty->stdin_pipe)
		return;
	forget_marks(tty);
	tty->tail = tty->canon_head = tty->head;
	tty->lnext = tty->erasing = false;
}

void tty_input_mode_changed(struct tty *tty)
{
	forget_marks(tty);
	tty->canon_head = tty->tail;
	tty->lnext = tty->erasing = false;
	if (!tty_canonical(tty) || !used(tty) || tty->stdin_pipe)
		return;
	mark(tty, tty->head - 1);
	tty->canon_head = tty->head;
}
