/* SPDX-License-Identifier: BSD-3-Clause */
/* The user's terminal: one per process, hence the file-scope state, which atexit() needs too. */
#include "terminal.h"

#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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

int terminal_make(int fds[2])
{
	struct termios raw;
	char name[64];

	fds[0] = -1;
	fds[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[1] >= 0 && !grantpt(fds[1]) && !unlockpt(fds[1]) &&
	    !ptsname_r(fds[1], name, sizeof name))
		fds[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[0] >= 0 && !tcgetattr(fds[0], &raw)) {
		cfmakeraw(&raw);
		if (!tcsetattr(fds[0], TCSANOW, &raw))
			return 0;
	}
	int err = errno;
	report("cannot make a terminal: %s", strerror(err));
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
	return -err;
}
