/* SPDX-License-Identifier: BSD-3-Clause */
/* The user's terminal: one per process, hence the file-scope state, which atexit() needs too. */
#include "terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct {
	struct termios saved;
	bool raw, exit_handler;
} terminal;

bool terminal_present(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

bool terminal_in_foreground(void)
{
	pid_t group = tcgetpgrp(STDIN_FILENO);

	/* ENOTTY: not our controlling terminal, which knows no background. */
	return group < 0 || group == getpgrp();
}

bool terminal_enter_raw(void)
{
	struct termios raw;

	if (!terminal_in_foreground())
		return terminal.raw;
	if (!terminal.raw && tcgetattr(STDIN_FILENO, &terminal.saved))
		return false;
	raw = terminal.saved;
	cfmakeraw(&raw);
	if (!terminal.exit_handler)
		terminal.exit_handler = !atexit(terminal_restore);
	/* Also where it is raw as far as we know: the shell may have put it back while we were stopped. */
	terminal.raw = !tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	return terminal.raw;
}

void terminal_restore(void)
{
	if (terminal.raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal.saved);
	terminal.raw = false;
}

bool terminal_size(unsigned *rows, unsigned *columns)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		return false;
	*rows = size.ws_row;
	*columns = size.ws_col;
	return true;
}
