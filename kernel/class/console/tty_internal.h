/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The terminal from inside, for the files tty*.c: input (bytes of the device to what a reader gets,
 * and echo), output processing, requests, and the terminal itself, which sleeps and wakes. Numbers
 * are those of Linux for x86-64 (asm-generic/termbits.h, ioctls.h).
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <class/tty.h>
#include <core/lock.h>
#include <core/thread.h>

enum tty_input_flag {
	IFLAG_PARMRK = 0x8,
	IFLAG_ISTRIP = 0x20,
	IFLAG_INLCR = 0x40,
	IFLAG_IGNCR = 0x80,
	IFLAG_ICRNL = 0x100,
	IFLAG_IUCLC = 0x200,
	IFLAG_IXON = 0x400,
	IFLAG_IXANY = 0x800,
	IFLAG_IUTF8 = 0x4000,
};

enum tty_output_flag {
	OFLAG_OPOST = 0x1,
	OFLAG_OLCUC = 0x2,
	OFLAG_ONLCR = 0x4,
	OFLAG_OCRNL = 0x8,
	OFLAG_ONOCR = 0x10,
	OFLAG_ONLRET = 0x20,
	OFLAG_TABDLY = 0x1800,
	OFLAG_XTABS = 0x1800,
};

enum tty_control_flag {
	CFLAG_CBAUD = 0x100f,
	CFLAG_BOTHER = 0x1000,
	CFLAG_B115200 = 0x1002,
	CFLAG_CS8 = 0x30,
	CFLAG_CREAD = 0x80,
	CFLAG_HUPCL = 0x400,
	CFLAG_CLOCAL = 0x800,
};

enum tty_local_flag {
	LFLAG_ISIG = 0x1,
	LFLAG_ICANON = 0x2,
	LFLAG_ECHO = 0x8,
	LFLAG_ECHOE = 0x10,
	LFLAG_ECHOK = 0x20,
	LFLAG_ECHONL = 0x40,
	LFLAG_NOFLSH = 0x80,
	LFLAG_ECHOCTL = 0x200,
	LFLAG_ECHOPRT = 0x400,
	LFLAG_ECHOKE = 0x800,
	LFLAG_IEXTEN = 0x8000,
};

enum tty_control_character {
	CC_VINTR,
	CC_VQUIT,
	CC_VERASE,
	CC_VKILL,
	CC_VEOF,
	CC_VTIME,
	CC_VMIN,
	CC_VSWTC,
	CC_VSTART,
	CC_VSTOP,
	CC_VSUSP,
	CC_VEOL,
	CC_VREPRINT,
	CC_VDISCARD,
	CC_VWERASE,
	CC_VLNEXT,
	CC_VEOL2,
	CC_COUNT = 19,
};

/** struct termios2; struct termios is what comes before the speeds. */
struct tty_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line;
	uint8_t cc[CC_COUNT];
	uint32_t ispeed, ospeed;
};
_Static_assert(sizeof(struct tty_termios) == 44, "struct termios2");
_Static_assert(__builtin_offsetof(struct tty_termios, ispeed) == 36, "struct termios");

struct tty_window {
	uint16_t rows, columns, x_pixels, y_pixels;
};
_Static_assert(sizeof(struct tty_window) == 8, "struct winsize");

enum {
	TTY_RING = 4096, /* Linux's N_TTY_BUF_SIZE: a line of 4095 bytes and its end */
	TTY_ECHO = 128,
	TTY_EXPANSION = 8, /* bytes that one byte of output can become: a tab */
	TTY_SIGINT = 2,
	TTY_SIGQUIT = 3,
	TTY_SIGTSTP = 20,
	TTY_SIGWINCH = 28,
	TTY_DLE = 0x10,
	TTY_EOT = 0x04,
};

/**
 * What has been typed and not yet read. Positions count on for ever; modulo TTY_RING they are
 * places in the ring. tail <= canon_head <= head; complete lines lie before canon_head, and each
 * has its last byte marked: a byte 0 that is marked is an end of file, and no byte of the input.
 */
struct tty_ring {
	uint8_t bytes[TTY_RING];
	uint64_t marks[TTY_RING / 64];
};

struct tty {
	struct spinlock lock;
	struct waitq changed; /* there is input, or output may go on */

	struct tty_ring *ring; /* allocated when input is started; then stays */
	/* [lock] down to the end, but for what is set once */
	uint32_t head, tail, canon_head;
	bool paused;           /* the device is told to hold back */
	bool eof;              /* of a pipe: it has ended */
	bool dle;              /* of a pipe: the last byte was DLE */
	bool lnext;            /* the next byte is taken as it is */
	bool erasing;          /* between the '\\' and '/' of ECHOPRT */
	bool writing;          /* a call is writing */
	bool writers_waiting;  /* for that to end */
	bool stopped;          /* by VSTOP: no output */
	uint32_t column;       /* of the cursor */
	uint32_t canon_column; /* where the line being typed began */
	uint32_t signals;      /* bits: to be sent when the lock is released */
	uint32_t echo_bytes;
	uint8_t echo[TTY_ECHO];
	struct tty_termios termios;
	struct tty_window window;
	int group, session;
	bool stdin_pipe, stdout_pipe; /* set once */
	bool asks_for_input;          /* set once: the host waits for INPUT_RECORD */
	bool early_input;             /* set once: do not wait for the first reader */
};

static inline bool tty_canonical(const struct tty *tty)
{
	return tty->termios.lflag & LFLAG_ICANON;
}

static inline bool tty_is_control(uint8_t c)
{
	return c < ' ' || c == 0x7f;
}

/** Of a character of UTF-8, a byte that is not the first. */
static inline bool tty_is_continuation(const struct tty *tty, uint8_t c)
{
	return (c & 0xc0) == 0x80 && tty->termios.iflag & IFLAG_IUTF8;
}

/* tty_output.c */

/** What one byte becomes on its way out, by output processing; returns the number of bytes. Moves
 * the column. */
size_t tty_output_byte(struct tty *tty, uint8_t c, uint8_t out[TTY_EXPANSION]) REQUIRES(tty->lock);

/** Processes bytes as far as their results fit into `room`; returns how many came out, *consumed
 * how many went in. */
size_t tty_output(struct tty *tty, const uint8_t *in, size_t count, uint8_t *out, size_t room,
		  size_t *consumed) REQUIRES(tty->lock);

/* tty_input.c */

/** How many bytes the input takes now; 0: the device is to be paused. */
size_t tty_input_room(const struct tty *tty) REQUIRES(tty->lock);

/** Takes bytes of the device, at most tty_input_room(). */
void tty_input(struct tty *tty, const uint8_t *bytes, size_t count) REQUIRES(tty->lock);

/** Sends the echo. */
void tty_echo_flush(struct tty *tty) REQUIRES(tty->lock);

/** Whether a read finds something: `least` bytes, a line, or the end. */
bool tty_input_ready(const struct tty *tty, uint32_t least) REQUIRES(tty->lock);

/** Takes at most a line in canonical mode, else what there is. Call it only if tty_input_ready().
 */
size_t tty_input_take(struct tty *tty, uint8_t *out, size_t count) REQUIRES(tty->lock);

/** FIONREAD's count. */
uint32_t tty_input_count(const struct tty *tty) REQUIRES(tty->lock);
void tty_input_flush(struct tty *tty) REQUIRES(tty->lock);

/** After ICANON was switched: what is in the ring is one line, or none. */
void tty_input_mode_changed(struct tty *tty) REQUIRES(tty->lock);

/* tty.c */

/** Starts input if it was not. -ENOMEM. Without a console, the input is at its end. */
int must_check tty_start_input(struct tty *tty);

/** Goes on taking input after room was made. */
void tty_input_resume(struct tty *tty) REQUIRES(tty->lock);

/** Releases the lock, sends the signals that are due, and wakes who waits. */
void tty_unlock_and_tell(struct tty *tty) RELEASE(tty->lock);

/** Waits until all output has left the machine. -EINTR. */
int must_check tty_drain(struct tty *tty);
