/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim_console.h"
#include "tty_internal.h"

#include <base/errno.h>
#include <hal/cpu.h>

#include <stdlib.h>
#include <string.h>

enum {
	TCGETS = 0x5401,
	TCSETS = 0x5402,
	TCSETSF = 0x5404,
	TCFLSH = 0x540b,
	TIOCGPGRP = 0x540f,
	TIOCSPGRP = 0x5410,
	TIOCGWINSZ = 0x5413,
	TIOCSWINSZ = 0x5414,
	FIONREAD = 0x541b,
	TIOCSCTTY = 0x540e,
	TCXONC = 0x540a
};
#define TCGETS2 0x802c542au

static struct sim_console sim;
static struct tty *tty;
static struct tty pristine;
static unsigned signals;
static struct thread thread;
static char buffer[8192];

static void note_signal(int signal)
{
	signals |= 1u << signal;
}

/** A terminal as it is after the machine's start, with input started. */
static int start(void **state)
{
	(void)state;
	cpu_set_thread(&thread);
	tty = tty_console();
	if (!pristine.group)
		pristine = *tty;
	free(tty->ring);
	*tty = pristine;
	signals = 0;
	tty_set_signal_hook(note_signal);
	sim_console_install(&sim);
	tty_init();
	tty->ring = calloc(1, sizeof *tty->ring);
	return 0;
}

static void arrive(const void *bytes, size_t count)
{
	const uint8_t *p = bytes;

	spin_lock(&tty->lock);
	while (count) {
		size_t room = tty_input_room(tty);
		size_t n = room < count ? room : count;

		if (!n)
			break;
		tty_input(tty, p, n);
		p += n;
		count -= n;
	}
	tty_unlock_and_tell(tty);
}

static void type(const char *text)
{
	arrive(text, strlen(text));
}

static void assert_echo(const char *expected)
{
	assert_string_equal(sim.output, expected);
	sim_console_clear(&sim);
}

static void assert_read(const char *expected)
{
	ssize_t n = tty_read(tty, buffer, sizeof buffer - 1, true);

	assert_int_equal(n, strlen(expected));
	buffer[n] = 0;
	assert_string_equal(buffer, expected);
}

static void assert_nothing_to_read(void)
{
	assert_int_equal(tty_read(tty, buffer, sizeof buffer, true), -EAGAIN);
}

static void set_raw(uint8_t vmin, uint8_t vtime)
{
	struct tty_termios new = tty->termios;

	new.lflag &= ~(uint32_t)(LFLAG_ICANON | LFLAG_ECHO | LFLAG_ISIG);
	new.cc[CC_VMIN] = vmin;
	new.cc[CC_VTIME] = vtime;
	assert_int_equal(tty_ioctl(tty, TCSETS, (uintptr_t) & new), 0);
}

static void assert_written(const char *text, const char *expected)
{
	assert_int_equal(tty_write(tty, text, strlen(text), false), strlen(text));
	assert_echo(expected);
}

/* Lines */

static void line_is_read_when_it_is_complete(void **state)
{
	(void)state;
	type("hel");
	assert_nothing_to_read();
	type("lo\r");
	assert_echo("hello\r\n");
	assert_read("hello\n");
	assert_nothing_to_read();
}

static void lines_are_read_one_by_one(void **state)
{
	(void)state;
	type("a\nbc\nd");
	assert_read("a\n");
	assert_read("bc\n");
	assert_nothing_to_read();
}

static void line_can_be_read_in_parts(void **state)
{
	(void)state;
	type("abcdef\nx\n");
	assert_int_equal(tty_read(tty, buffer, 4, true), 4);
	assert_memory_equal(buffer, "abcd", 4);
	assert_read("ef\n");
	assert_read("x\n");
}

static void erase_takes_back_one_character(void **state)
{
	(void)state;
	type("ab\x7f\x7f\x7f"
	     "c\n");
	assert_echo("ab\b \b\b \bc\r\n");
	assert_read("c\n");
}

static void erase_takes_back_a_whole_utf8_character(void **state)
{
	(void)state;
	type("a\xc3\xa9\xe2\x82\xac\x7f\x7f\n");
	assert_echo("a\xc3\xa9\xe2\x82\xac\b \b\b \b\r\n");
	assert_read("a\n");
	tty->termios.iflag &= ~(uint32_t)IFLAG_IUTF8;
	type("\xc3\xa9\x7f\n");
	assert_read("\xc3\n");
}

static void erase_goes_back_over_control_characters_and_tabs(void **state)
{
	(void)state;
	type("\x01\x7f\n");
	assert_echo("^A\b \b\b \b\r\n");
	type("ab\t\x7f");
	assert_echo("ab\t\b\b\b\b\b\b");
	type("\n");
	sim_console_clear(&sim);
	assert_written("> ", "> ");
	type("x\ty\t\x7f\x7f\x7f");
	assert_echo("x\ty\t\b\b\b\b\b\b\b\b \b\b\b\b\b\b");
	type("\n");
	assert_read("\n");
	assert_read("ab\n");
	assert_read("x\n");
}

static void kill_takes_back_the_line(void **state)
{
	(void)state;
	type("abc\x15"
	     "d\n");
	assert_echo("abc\b \b\b \b\b \bd\r\n");
	assert_read("d\n");
	tty->termios.lflag &= ~(uint32_t)LFLAG_ECHOKE;
	type("abc\x15"
	     "d\n");
	assert_echo("abc^U\r\nd\r\n");
	assert_read("d\n");
}

static void word_erase_takes_back_a_word_and_the_blanks_behind(void **state)
{
	(void)state;
	type("one two  \x17"
	     "3\n");
	assert_read("one 3\n");
}

static void erasing_stops_at_the_line_before(void **state)
{
	(void)state;
	type("a\n\x7f\x15\x17"
	     "b\n");
	assert_read("a\n");
	assert_read("b\n");
}

static void erased_text_is_shown_on_a_printer(void **state)
{
	(void)state;
	tty->termios.lflag |= LFLAG_ECHOPRT;
	type("abc\x7f\x7fx\n");
	assert_echo("abc\\cb/x\r\n");
	assert_read("ax\n");
}

static void lnext_takes_the_next_byte_as_it_is(void **state)
{
	(void)state;
	type("a\x16\x03\x16\x7f\x16\r\n");
	assert_int_equal(signals, 0);
	assert_echo("a^\b^C^\b^?^\b^M\r\n");
	assert_read("a\x03\x7f\r\n");
}

static void reprint_shows_the_line_again(void **state)
{
	(void)state;
	type("ab\x12");
	assert_echo("ab^R\r\nab");
}

static void eof_ends_the_input_once(void **state)
{
	(void)state;
	type("\x04");
	assert_echo("");
	assert_read("");
	assert_nothing_to_read();
	type("abc\x04");
	assert_read("abc");
	assert_nothing_to_read();
}

static void eof_right_behind_a_full_read_belongs_to_it(void **state)
{
	(void)state;
	type("abc\x04");
	assert_int_equal(tty_read(tty, buffer, 3, true), 3);
	assert_nothing_to_read();
}

static void eol_characters_end_a_line(void **state)
{
	(void)state;
	tty->termios.cc[CC_VEOL] = ';';
	type("a;b\n");
	assert_read("a;");
	assert_read("b\n");
}

static void disabled_control_character_is_none(void **state)
{
	(void)state;
	arrive("a\0b\n", 4);
	assert_int_equal(tty_read(tty, buffer, sizeof buffer, true), 4);
	assert_memory_equal(buffer, "a\0b\n", 4);
}

static void carriage_return_and_newline_are_translated(void **state)
{
	(void)state;
	tty->termios.iflag |= IFLAG_IGNCR;
	type("a\r\n");
	assert_read("a\n");
	tty->termios.iflag = IFLAG_INLCR;
	type("a\nb\r");
	tty->termios.cc[CC_VEOL] = '\r';
	type("\r");
	assert_read("a\rb\r\r");
}

static void line_of_4095_bytes_is_whole(void **state)
{
	(void)state;
	memset(buffer, 'x', 4095);
	arrive(buffer, 4095);
	type("\n");
	assert_int_equal(tty_read(tty, buffer, sizeof buffer, true), 4096);
	assert_int_equal(buffer[4095], '\n');
	assert_int_equal(buffer[4094], 'x');
}

static void longer_line_loses_its_end_but_not_its_newline(void **state)
{
	(void)state;
	memset(buffer, 'x', sizeof buffer);
	arrive(buffer, sizeof buffer);
	assert_nothing_to_read();
	type("\n");
	assert_int_equal(tty_read(tty, buffer, sizeof buffer, true), 4096);
	assert_int_equal(buffer[4095], '\n');
	type("next\n");
	assert_read("next\n");
}

/* Signals and flow */

static void interrupt_sends_a_signal_and_drops_the_line(void **state)
{
	(void)state;
	type("abc\x03");
	assert_int_equal(signals, 1u << 2);
	assert_echo("abc^C");
	type("d\n");
	assert_read("d\n");
	type("\x1c\x1a");
	assert_int_equal(signals, 1u << 2 | 1u << 3 | 1u << 20);
}

static void interrupt_keeps_the_input_with_noflsh(void **state)
{
	(void)state;
	tty->termios.lflag |= LFLAG_NOFLSH;
	type("a\nb\x03\n");
	assert_read("a\n");
	assert_read("b\n");
}

static void no_signals_without_isig(void **state)
{
	(void)state;
	tty->termios.lflag &= ~(uint32_t)LFLAG_ISIG;
	type("\x03\n");
	assert_int_equal(signals, 0);
	assert_read("\x03\n");
}

static void stop_and_start_hold_output(void **state)
{
	struct waitq *queue;

	(void)state;
	type("\x13");
	assert_int_equal(tty_write(tty, "x", 1, true), -EAGAIN);
	assert_false(tty_poll(tty, &queue) & 4);
	type("\x11");
	assert_true(tty_poll(tty, &queue) & 4);
	assert_written("x", "x");
	assert_int_equal(tty_ioctl(tty, TCXONC, 0), 0);
	assert_int_equal(tty_write(tty, "x", 1, true), -EAGAIN);
	assert_int_equal(tty_ioctl(tty, TCXONC, 1), 0);
	assert_written("x", "x");
	assert_nothing_to_read();
}

/* Non-canonical mode */

static void raw_mode_gives_bytes_at_once(void **state)
{
	(void)state;
	set_raw(1, 0);
	type("a\x03\x04\x7f");
	assert_int_equal(signals, 0);
	assert_echo("");
	assert_read("a\x03\x04\x7f");
	assert_nothing_to_read();
}

static void raw_mode_with_min_and_time_0_does_not_wait(void **state)
{
	(void)state;
	set_raw(0, 0);
	assert_int_equal(tty_read(tty, buffer, 10, false), 0);
	type("ab");
	assert_int_equal(tty_read(tty, buffer, 10, false), 2);
}

static void poll_waits_for_vmin_bytes(void **state)
{
	struct waitq *queue;

	(void)state;
	set_raw(3, 0);
	type("ab");
	assert_int_equal(tty_poll(tty, &queue) & 1, 0);
	type("c");
	assert_int_equal(tty_poll(tty, &queue) & 1, 1);
	assert_read("abc");
}

static void typed_ahead_text_survives_a_change_of_mode(void **state)
{
	(void)state;
	type("ab");
	set_raw(1, 0);
	assert_read("ab");
	type("cd");
	tty->termios.lflag |= LFLAG_ICANON;
	spin_lock(&tty->lock);
	tty_input_mode_changed(tty);
	spin_unlock(&tty->lock);
	assert_read("cd");
	assert_nothing_to_read();
}

static void full_ring_takes_no_more_until_it_is_read(void **state)
{
	(void)state;
	set_raw(1, 0);
	memset(buffer, 'y', sizeof buffer);
	arrive(buffer, sizeof buffer);
	assert_int_equal(tty_input_room(tty), 0);
	assert_int_equal(tty_read(tty, buffer, sizeof buffer, true), 4095);
	assert_int_equal(tty_input_room(tty), 4095);
}

/* Output */

static void output_newline_becomes_cr_lf(void **state)
{
	(void)state;
	assert_written("one\ntwo\n", "one\r\ntwo\r\n");
	tty->termios.oflag = 0;
	assert_written("one\n\ttwo\n", "one\n\ttwo\n");
}

static void output_flags_do_what_their_names_say(void **state)
{
	(void)state;
	tty->termios.oflag = OFLAG_OPOST | OFLAG_OLCUC | OFLAG_XTABS;
	assert_written("ab\tC", "AB      C");
	tty->column = 0;
	tty->termios.oflag = OFLAG_OPOST | OFLAG_ONOCR | OFLAG_OCRNL;
	assert_written("\ra\r", "a\n");
}

static void long_output_is_whole(void **state)
{
	static char text[6000], expected[12001];
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof text; i++) {
		text[i] = i % 5 ? (char)('a' + i % 26) : '\n';
		if (text[i] == '\n')
			expected[n++] = '\r';
		expected[n++] = text[i];
	}
	assert_int_equal(tty_write(tty, text, sizeof text, false), sizeof text);
	assert_int_equal(sim.output_bytes, n);
	assert_memory_equal(sim.output, expected, n);
}

/* "a\nb" is four bytes of output. */
static void partial_output_is_counted_in_the_programs_bytes(void **state)
{
	(void)state;
	for (unsigned accepts = 0; accepts <= 4; accepts++) {
		static const ssize_t results[] = { -EAGAIN, 1, 1, 2, 3 };

		sim.accepts = accepts;
		assert_int_equal(tty_write(tty, "a\nb", 3, true), results[accepts]);
	}
}

/* Pipes */

static void framed_input_is_transparent(void **state)
{
	(void)state;
	tty->stdin_pipe = true;
	arrive("a\x10\x10\x03\x7f\0\r\n\x10\x10", 10);
	assert_int_equal(tty_read(tty, buffer, sizeof buffer, true), 8);
	assert_memory_equal(buffer, "a\x10\x03\x7f\0\r\n\x10", 8);
	assert_echo("");
	assert_int_equal(signals, 0);
	assert_nothing_to_read();
}

static void framed_input_ends_for_good(void **state)
{
	struct waitq *queue;

	(void)state;
	tty->stdin_pipe = true;
	type("ab\x10");
	type("\x04"
	     "cd");
	assert_int_equal(tty_poll(tty, &queue) & (1 | 16), 1);
	assert_read("ab");
	assert_read("");
	assert_read("");
	assert_int_equal(tty_poll(tty, &queue) & 16, 16);
	assert_int_equal(tty_input_room(tty), 0);
}

static void output_to_a_pipe_is_transparent_and_without_echo(void **state)
{
	(void)state;
	tty->stdout_pipe = true;
	type("hello\n");
	assert_echo("");
	assert_written("a\n\tb\n", "a\n\tb\n");
}

static void pipes_are_no_terminals(void **state)
{
	struct tty_termios termios;
	int count;

	(void)state;
	tty->stdin_pipe = tty->stdout_pipe = true;
	assert_false(tty_stdin_is_terminal());
	assert_false(tty_stdout_is_terminal());
	assert_int_equal(tty_ioctl(tty, TCGETS, (uintptr_t)&termios), -ENOTTY);
	type("abc");
	assert_int_equal(tty_ioctl(tty, FIONREAD, (uintptr_t)&count), 0);
	assert_int_equal(count, 3);
}

/* Requests */

static void termios_are_kept_with_and_without_speeds(void **state)
{
	struct tty_termios termios, again;

	(void)state;
	memset(&termios, 0xee, sizeof termios);
	assert_int_equal(tty_ioctl(tty, TCGETS, (uintptr_t)&termios), 0);
	assert_int_equal(termios.iflag, IFLAG_ICRNL | IFLAG_IXON | IFLAG_IUTF8);
	assert_int_equal(termios.cc[CC_VINTR], 3);
	assert_int_equal(termios.ispeed, 0xeeeeeeee);
	termios.cflag = (termios.cflag & ~(uint32_t)CFLAG_CBAUD) | 13;
	assert_int_equal(tty_ioctl(tty, TCSETSF, (uintptr_t)&termios), 0);
	assert_int_equal(tty_ioctl(tty, TCGETS2, (uintptr_t)&again), 0);
	assert_int_equal(again.ospeed, 9600);
	assert_int_equal(tty_ioctl(tty, TCGETS, 0), -EFAULT);
}

static void fionread_counts_complete_lines_only(void **state)
{
	int count;

	(void)state;
	type("abc\nd\x04"
	     "e");
	assert_int_equal(tty_ioctl(tty, FIONREAD, (uintptr_t)&count), 0);
	assert_int_equal(count, 5);
	assert_int_equal(tty_ioctl(tty, TCFLSH, 0), 0);
	assert_int_equal(tty_ioctl(tty, FIONREAD, (uintptr_t)&count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(tty_ioctl(tty, TCFLSH, 3), -EINVAL);
}

static void changed_window_size_is_signalled(void **state)
{
	struct tty_window window = { 25, 80, 0, 0 }, again;

	(void)state;
	assert_int_equal(tty_ioctl(tty, TIOCSWINSZ, (uintptr_t)&window), 0);
	assert_int_equal(signals, 1u << 28);
	signals = 0;
	assert_int_equal(tty_ioctl(tty, TIOCSWINSZ, (uintptr_t)&window), 0);
	assert_int_equal(signals, 0);
	assert_int_equal(tty_ioctl(tty, TIOCGWINSZ, (uintptr_t)&again), 0);
	assert_int_equal(again.columns, 80);
}

static void foreground_group_is_kept(void **state)
{
	int group = 7, again;

	(void)state;
	assert_int_equal(tty_ioctl(tty, TIOCGPGRP, (uintptr_t)&again), 0);
	assert_int_equal(again, 1);
	assert_int_equal(tty_ioctl(tty, TIOCSPGRP, (uintptr_t)&group), 0);
	assert_int_equal(tty_ioctl(tty, TIOCGPGRP, (uintptr_t)&again), 0);
	assert_int_equal(again, 7);
	group = -1;
	assert_int_equal(tty_ioctl(tty, TIOCSPGRP, (uintptr_t)&group), -EINVAL);
	assert_int_equal(tty_ioctl(tty, TIOCSCTTY, 1), 0);
	assert_int_equal(tty_ioctl(tty, 0x1234, 0), -ENOTTY);
}

static void without_a_console_there_is_neither_input_nor_trouble(void **state)
{
	struct waitq *queue;

	(void)state;
	free(tty->ring);
	tty->ring = NULL;
	console_set_device(NULL);
	assert_int_equal(tty_write(tty, "x", 1, false), 1);
	assert_int_equal(tty_read(tty, buffer, 10, false), 0);
	assert_int_equal(tty_read(tty, buffer, 10, false), 0);
	assert_int_equal(tty_poll(tty, &queue) & 16, 16);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(line_is_read_when_it_is_complete),
		TEST(lines_are_read_one_by_one),
		TEST(line_can_be_read_in_parts),
		TEST(erase_takes_back_one_character),
		TEST(erase_takes_back_a_whole_utf8_character),
		TEST(erase_goes_back_over_control_characters_and_tabs),
		TEST(kill_takes_back_the_line),
		TEST(word_erase_takes_back_a_word_and_the_blanks_behind),
		TEST(erasing_stops_at_the_line_before),
		TEST(erased_text_is_shown_on_a_printer),
		TEST(lnext_takes_the_next_byte_as_it_is),
		TEST(reprint_shows_the_line_again),
		TEST(eof_ends_the_input_once),
		TEST(eof_right_behind_a_full_read_belongs_to_it),
		TEST(eol_characters_end_a_line),
		TEST(disabled_control_character_is_none),
		TEST(carriage_return_and_newline_are_translated),
		TEST(line_of_4095_bytes_is_whole),
		TEST(longer_line_loses_its_end_but_not_its_newline),
		TEST(interrupt_sends_a_signal_and_drops_the_line),
		TEST(interrupt_keeps_the_input_with_noflsh),
		TEST(no_signals_without_isig),
		TEST(stop_and_start_hold_output),
		TEST(raw_mode_gives_bytes_at_once),
		TEST(raw_mode_with_min_and_time_0_does_not_wait),
		TEST(poll_waits_for_vmin_bytes),
		TEST(typed_ahead_text_survives_a_change_of_mode),
		TEST(full_ring_takes_no_more_until_it_is_read),
		TEST(output_newline_becomes_cr_lf),
		TEST(output_flags_do_what_their_names_say),
		TEST(long_output_is_whole),
		TEST(partial_output_is_counted_in_the_programs_bytes),
		TEST(framed_input_is_transparent),
		TEST(framed_input_ends_for_good),
		TEST(output_to_a_pipe_is_transparent_and_without_echo),
		TEST(pipes_are_no_terminals),
		TEST(termios_are_kept_with_and_without_speeds),
		TEST(fionread_counts_complete_lines_only),
		TEST(changed_window_size_is_signalled),
		TEST(foreground_group_is_kept),
		TEST(without_a_console_there_is_neither_input_nor_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
