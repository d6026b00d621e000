/* SPDX-License-Identifier: BSD-3-Clause */
/* Output processing of a terminal (termios(3), c_oflag), and the cursor's column, which erasing a
 * tab has to know. */
#include "tty_internal.h"

#include <base/bits.h>
#include <base/string.h>

enum { TAB = 8 };

static size_t output_newline(struct tty *tty, uint8_t *out)
{
	uint32_t flags = tty->termios.oflag;
	size_t n = 0;

	if (flags & (OFLAG_ONLCR | OFLAG_ONLRET))
		tty->column = 0;
	if (flags & OFLAG_ONLCR)
		out[n++] = '\r';
	out[n++] = '\n';
	tty->canon_column = tty->column;
	return n;
}

static size_t output_return(struct tty *tty, uint8_t *out)
{
	uint32_t flags = tty->termios.oflag;

	if (flags & OFLAG_ONOCR && !tty->column)
		return 0;
	out[0] = flags & OFLAG_OCRNL ? '\n' : '\r';
	if (!(flags & OFLAG_OCRNL) || flags & OFLAG_ONLRET)
		tty->canon_column = tty->column = 0;
	return 1;
}

static size_t output_tab(struct tty *tty, uint8_t *out)
{
	uint32_t spaces = TAB - tty->column % TAB;

	tty->column += spaces;
	if ((tty->termios.oflag & OFLAG_TABDLY) == OFLAG_XTABS) {
		memset(out, ' ', spaces);
		return spaces;
	}
	out[0] = '\t';
	return 1;
}

size_t tty_output_byte(struct tty *tty, uint8_t c, uint8_t out[TTY_EXPANSION])
{
	uint32_t flags = tty->termios.oflag;

	if (flags & OFLAG_OPOST) {
		if (c == '\n')
			return output_newline(tty, out);
		if (c == '\r')
			return output_return(tty, out);
		if (c == '\t')
			return output_tab(tty, out);
		if (c == '\b' && tty->column)
			tty->column--;
		if (!tty_is_control(c) && !tty_is_continuation(tty, c))
			tty->column++;
		if (flags & OFLAG_OLCUC && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
	}
	out[0] = c;
	return 1;
}

/** Copies the printable ASCII at the beginning, which nothing happens to: most of what programs
 * write. Eight bytes at a time, since this is the path of every output. */
static size_t copy_plain(uint8_t *out, const uint8_t *in, size_t count)
{
	const uint64_t ones = UINT64_MAX / 0xff;
	size_t n = 0;

	for (; n + 8 <= count; n += 8) {
		uint64_t word;

		__builtin_memcpy(&word, in + n, 8);
		/* The top bit of each byte shows: below ' ', 0x7f, above. A borrow or carry comes
		 * only out of a byte that shows already. */
		if (((word - ones * ' ') | (word + ones) | word) & ones * 0x80)
			break;
		__builtin_memcpy(out + n, &word, 8);
	}
	for (; n < count && (uint8_t)(in[n] - ' ') < 0x7f - ' '; n++)
		out[n] = in[n];
	return n;
}

/** tty_output_byte() if there is room for all of what it gives; else nothing has happened. */
static bool output_byte_fits(struct tty *tty, uint8_t c, uint8_t *out, size_t room, size_t *n)
	REQUIRES(tty->lock)
{
	uint32_t column = tty->column, canon_column = tty->canon_column;
	uint8_t expanded[TTY_EXPANSION];

	*n = tty_output_byte(tty, c, expanded);
	if (*n > room) {
		tty->column = column;
		tty->canon_column = canon_column;
		return false;
	}
	memcpy(out, expanded, *n);
	return true;
}

size_t tty_output(struct tty *tty, const uint8_t *in, size_t count, uint8_t *out, size_t room,
		  size_t *consumed)
{
	bool plain = !(tty->termios.oflag & OFLAG_OLCUC);
	size_t done = 0, i = 0;

	while (i < count) {
		size_t n = plain ? copy_plain(out + done, in + i, min(count - i, room - done)) : 0;

		done += n;
		i += n;
		tty->column += (uint32_t)n;
		if (i == count || done == room)
			break;
		if (room - done >= TTY_EXPANSION) {
			done += tty_output_byte(tty, in[i++], out + done);
			continue;
		}
		if (!output_byte_fits(tty, in[i], out + done, room - done, &n))
			break;
		done += n;
		i++;
	}
	*consumed = i;
	return done;
}
