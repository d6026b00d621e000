/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The terminal under any bytes, settings and reads. The first bytes are flags and control
 * characters; then come pairs of what to do and with how much. Checked: the order of the ring's
 * positions, that reads stay in bounds, and that in transparent modes what goes in comes out.
 */
#include "sim_console.h"
#include "tty_internal.h"

#include <base/bits.h>
#include <hal/cpu.h>

#include <stdlib.h>
#include <string.h>

enum { SETTINGS = 16 };

static struct sim_console sim;
static struct tty_ring ring;
static struct thread thread;

static void check(const struct tty *tty)
{
	uint32_t used = tty->head - tty->tail;

	if (used > TTY_RING || tty->canon_head - tty->tail > used || tty->echo_bytes)
		abort();
	if (tty_input_count(tty) > used)
		abort();
}

static struct tty *start(const uint8_t *settings)
{
	static struct tty pristine;
	struct tty *tty = tty_console();

	if (!pristine.group)
		pristine = *tty;
	cpu_set_thread(&thread);
	sim_console_install(&sim);
	*tty = pristine;
	tty_init();
	memset(&ring, 0, sizeof ring);
	tty->ring = &ring;
	tty->stdin_pipe = settings[0] & 1;
	tty->stdout_pipe = settings[0] & 2;
	tty->termios.lflag ^= (uint32_t)settings[1] | (uint32_t)settings[2] << 8;
	tty->termios.iflag ^= (uint32_t)settings[3] | (uint32_t)settings[4] << 8;
	tty->termios.oflag ^= (uint32_t)settings[5] | (uint32_t)settings[6] << 8;
	memcpy(tty->termios.cc + CC_VMIN, settings + 7, SETTINGS - 7);
	tty->termios.cc[CC_VTIME] = 0;
	return tty;
}

static void input(struct tty *tty, const uint8_t *bytes, size_t count)
{
	spin_lock(&tty->lock);
	tty_input(tty, bytes, min(count, tty_input_room(tty)));
	check(tty);
	tty_unlock_and_tell(tty);
}

static void read_some(struct tty *tty, size_t count)
{
	uint8_t *out = malloc(count);
	ssize_t n = tty_read(tty, out, count, true);

	if (n > (ssize_t)count)
		abort();
	free(out);
}

static void write_some(struct tty *tty, const uint8_t *bytes, size_t count)
{
	if (tty_write(tty, bytes, count, true) > (ssize_t)count)
		abort();
	sim_console_clear(&sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tty *tty;

	if (size < SETTINGS)
		return 0;
	tty = start(data);
	for (size_t at = SETTINGS; at + 2 <= size;) {
		uint8_t what = data[at], count = data[at + 1];
		size_t n = min((size_t)count, size - at - 2);

		at += 2;
		switch (what % 6) {
		case 0:
			read_some(tty, count);
			break;
		case 1:
			write_some(tty, data + at, n);
			break;
		case 2:
			spin_lock(&tty->lock);
			tty->termios.lflag ^= LFLAG_ICANON;
			tty_input_mode_changed(tty);
			spin_unlock(&tty->lock);
			break;
		case 3:
			sim.accepts = count;
			break;
		default:
			for (unsigned times = what / 16; times; times--)
				input(tty, data + at, n);
			input(tty, data + at, n);
			at += n;
		}
		check(tty);
	}
	return 0;
}
