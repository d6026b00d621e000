/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of terminals (ioctl_tty(2)). Numbers are those of asm-generic/ioctls.h. */
#include "tty_internal.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/user.h>

enum tty_request {
	TCGETS = 0x5401,
	TCSETS = 0x5402,
	TCSETSW = 0x5403,
	TCSETSF = 0x5404,
	TCSBRK = 0x5409,
	TCXONC = 0x540a,
	TCFLSH = 0x540b,
	TIOCEXCL = 0x540c,
	TIOCNXCL = 0x540d,
	TIOCSCTTY = 0x540e,
	TIOCGPGRP = 0x540f,
	TIOCSPGRP = 0x5410,
	TIOCOUTQ = 0x5411,
	TIOCGWINSZ = 0x5413,
	TIOCSWINSZ = 0x5414,
	TIOCGSOFTCAR = 0x5419,
	TIOCSSOFTCAR = 0x541a,
	FIONREAD = 0x541b,
	TIOCNOTTY = 0x5422,
	TIOCSETD = 0x5423,
	TIOCGETD = 0x5424,
	TCSBRKP = 0x5425,
	TIOCSBRK = 0x5427,
	TIOCCBRK = 0x5428,
	TIOCGSID = 0x5429,
	TIOCGEXCL = 0x5440,
};

/* _IOR and _IOW with struct termios2: too large for an enum's int. */
#define TCGETS2 0x802c542au
#define TCSETS2 0x402c542bu
#define TCSETSW2 0x402c542cu
#define TCSETSF2 0x402c542du

enum { TERMIOS_BYTES = __builtin_offsetof(struct tty_termios, ispeed) };

/** When the new settings are to count, and what happens to the input. */
enum change { CHANGE_NOW, CHANGE_DRAINED, CHANGE_FLUSHED };

/** The speed that a CBAUD code stands for. */
static uint32_t speed_of(uint32_t cflag, uint32_t other)
{
	static const uint32_t low[] = { 0,   50,   75,   110,  134,  150,  200,   300,
					600, 1200, 1800, 2400, 4800, 9600, 19200, 38400 };
	static const uint32_t high[] = { 57600,   115200,  230400,  460800,  500000,
					 576000,  921600,  1000000, 1152000, 1500000,
					 2000000, 2500000, 3000000, 3500000, 4000000 };
	uint32_t code = cflag & CFLAG_CBAUD;

	if (code == CFLAG_BOTHER)
		return other;
	return code & CFLAG_BOTHER ? high[(code & 0xf) - 1] : low[code];
}

static long set_termios(struct tty *tty, uintptr_t arg, size_t bytes, enum change change)
{
	struct tty_termios new;
	bool mode_changed;
	int error;

	spin_lock(&tty->lock);
	new = tty->termios;
	spin_unlock(&tty->lock);
	error = user_read(&new, arg, bytes);
	if (!error && change != CHANGE_NOW)
		error = tty_drain(tty);
	if (error)
		return error;
	new.ospeed = speed_of(new.cflag, new.ospeed);
	new.ispeed = new.cflag >> 16 & CFLAG_CBAUD ? speed_of(new.cflag >> 16, new.ispeed)
						   : new.ospeed;
	spin_lock(&tty->lock);
	mode_changed = (tty->termios.lflag ^ new.lflag) & LFLAG_ICANON;
	tty->termios = new;
	if (!(new.iflag &IFLAG_IXON))
		tty->stopped = false;
	if (mode_changed)
		tty_input_mode_changed(tty);
	if (change == CHANGE_FLUSHED)
		tty_input_flush(tty);
	tty_input_resume(tty);
	tty_unlock_and_tell(tty);
	return 0;
}

static long get_termios(struct tty *tty, uintptr_t arg, size_t bytes)
{
	struct tty_termios copy;

	spin_lock(&tty->lock);
	copy = tty->termios;
	spin_unlock(&tty->lock);
	return user_write(arg, &copy, bytes);
}

static long get_window(struct tty *tty, uintptr_t arg)
{
	struct tty_window copy;

	spin_lock(&tty->lock);
	copy = tty->window;
	spin_unlock(&tty->lock);
	return user_write(arg, &copy, sizeof copy);
}

static long set_window(struct tty *tty, uintptr_t arg)
{
	struct tty_window new;
	int error = user_read(&new, arg, sizeof new);

	if (error)
		return error;
	spin_lock(&tty->lock);
	if (memcmp(&new, &tty->window, sizeof new))
		tty->signals |= BIT(TTY_SIGWINCH);
	tty->window = new;
	tty_unlock_and_tell(tty);
	return 0;
}

static long put_int(uintptr_t arg, int value)
{
	return user_write(arg, &value, sizeof value);
}

static long set_foreground(struct tty *tty, uintptr_t arg)
{
	int group;
	int error = user_read(&group, arg, sizeof group);

	if (error)
		return error;
	if (group <= 0)
		return -EINVAL;
	spin_lock(&tty->lock);
	tty->group = group;
	spin_unlock(&tty->lock);
	return 0;
}

/** TCXONC; suspending the input (2, 3) is for lines that have somebody typing at their other end.
 */
static long flow(struct tty *tty, uintptr_t what)
{
	if (what > 3)
		return -EINVAL;
	spin_lock(&tty->lock);
	if (what <= 1)
		tty->stopped = what == 0;
	tty_unlock_and_tell(tty);
	return 0;
}

/** TCFLSH: 0 input, 1 output (of which nothing is kept), 2 both. */
static long flush(struct tty *tty, uintptr_t what)
{
	if (what > 2)
		return -EINVAL;
	if (what == 1)
		return 0;
	spin_lock(&tty->lock);
	tty_input_flush(tty);
	tty_input_resume(tty);
	tty_unlock_and_tell(tty);
	return 0;
}

static long input_count(struct tty *tty, uintptr_t arg)
{
	uint32_t count;
	int error = tty_start_input(tty);

	if (error)
		return error;
	spin_lock(&tty->lock);
	count = tty_input_count(tty);
	spin_unlock(&tty->lock);
	return put_int(arg, (int)count);
}

/** The line discipline: 0 (N_TTY) is the only one. */
static long set_discipline(uintptr_t arg)
{
	int discipline;
	int error = user_read(&discipline, arg, sizeof discipline);

	return error ? error : discipline ? -EINVAL : 0;
}

static long termios_request(struct tty *tty, unsigned request, uintptr_t arg)
{
	switch (request) {
	case TCGETS:
		return get_termios(tty, arg, TERMIOS_BYTES);
	case TCSETS:
		return set_termios(tty, arg, TERMIOS_BYTES, CHANGE_NOW);
	case TCSETSW:
		return set_termios(tty, arg, TERMIOS_BYTES, CHANGE_DRAINED);
	case TCSETSF:
		return set_termios(tty, arg, TERMIOS_BYTES, CHANGE_FLUSHED);
	case TCGETS2:
		return get_termios(tty, arg, sizeof(struct tty_termios));
	case TCSETS2:
		return set_termios(tty, arg, sizeof(struct tty_termios), CHANGE_NOW);
	case TCSETSW2:
		return set_termios(tty, arg, sizeof(struct tty_termios), CHANGE_DRAINED);
	case TCSETSF2:
		return set_termios(tty, arg, sizeof(struct tty_termios), CHANGE_FLUSHED);
	default:
		return -ENOTTY;
	}
}

long tty_ioctl(struct tty *tty, unsigned request, uintptr_t arg)
{
	if (request == FIONREAD)
		return input_count(tty, arg);
	if (tty->stdin_pipe && tty->stdout_pipe)
		return -ENOTTY;
	switch (request) {
	case TIOCGWINSZ:
		return get_window(tty, arg);
	case TIOCSWINSZ:
		return set_window(tty, arg);
	case TIOCGPGRP:
		return put_int(arg, tty->group);
	case TIOCSPGRP:
		return set_foreground(tty, arg);
	case TIOCGSID:
		return put_int(arg, tty->session);
	case TIOCOUTQ:
	case TIOCGETD:
	case TIOCGEXCL:
		return put_int(arg, 0);
	case TIOCGSOFTCAR:
		return put_int(arg, !!(tty->termios.cflag & CFLAG_CLOCAL));
	case TIOCSETD:
		return set_discipline(arg);
	case TCXONC:
		return flow(tty, arg);
	case TCFLSH:
		return flush(tty, arg);
	case TCSBRK: /* a break cannot be seen by anybody; with an argument it is tcdrain() */
	case TCSBRKP:
		return tty_drain(tty);
	case TIOCEXCL:
	case TIOCNXCL:
	case TIOCSCTTY:
	case TIOCNOTTY:
	case TIOCSSOFTCAR:
	case TIOCSBRK:
	case TIOCCBRK:
		return 0;
	default:
		return termios_request(tty, request, arg);
	}
}
