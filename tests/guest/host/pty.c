/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pty SCRIPT COMMAND [ARGUMENT...]: runs a command on a pseudo-terminal, types at it and waits for what it says. Runs on the
 * host. Lines of the script (C escapes \n \r \t \\ \xHH in TEXT):
 *
 *	expect TEXT	wait until TEXT has come after what was expected before
 *	absent TEXT	TEXT has not come so far since the last expect
 *	type TEXT	write TEXT to the terminal
 *	pause MS	wait
 *	status N	the command ends with this status (128 + n for signal n); the last line
 *
 * Exit status 0 if all came true; else 1, and what was seen is shown.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 30000 };

static int terminal;
static pid_t child;
static char seen[1 << 20];
static size_t seen_bytes, expected_bytes;

static long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void show(void)
{
	printf("seen:\n");
	for (size_t i = 0; i < seen_bytes; i++)
		if (seen[i] == '\n' || (seen[i] >= ' ' && seen[i] <= '~'))
			putchar(seen[i]);
		else
			printf("\\x%02x", (unsigned char)seen[i]);
	printf("\n");
}

static int fail(unsigned line, const char *what, const char *text)
{
	printf("line %u: %s: %s\n", line, what, text);
	show();
	kill(child, SIGKILL);
	return 1;
}

/* Takes in what comes within the time; false at the end of all output. */
static bool take(int ms)
{
	struct pollfd polled = { .fd = terminal, .events = POLLIN };
	if (poll(&polled, 1, ms) <= 0)
		return true;
	ssize_t got = read(terminal, seen + seen_bytes, sizeof(seen) - 1 - seen_bytes);
	if (got <= 0)
		return false;
	seen_bytes += (size_t)got;
	seen[seen_bytes] = 0;
	return seen_bytes < sizeof(seen) - 1;
}

static bool expect(const char *text, size_t bytes)
{
	long until = now_ms() + WAIT_MS;
	for (bool open = true; now_ms() < until;) {
		char *at = memmem(seen + expected_bytes, seen_bytes - expected_bytes, text, bytes);
		if (at) {
			expected_bytes = (size_t)(at - seen) + bytes;
			return true;
		}
		if (!open)
			return false;
		open = take(50);
	}
	return false;
}

static int wait_status(void)
{
	long until = now_ms() + WAIT_MS;
	int status;
	while (now_ms() < until) {
		if (!take(20))
			usleep(20000);
		if (waitpid(child, &status, WNOHANG) == child)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return -1;
}

static size_t unescape(char *text)
{
	char *to = text;
	for (char *from = text; *from; from++) {
		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		char next = *++from;
		if (next == 'x' && from[1] && from[2]) {
			char digits[3] = { from[1], from[2], 0 };
			*to++ = (char)strtoul(digits, NULL, 16);
			from += 2;
		} else {
			*to++ = next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : next;
		}
	}
	*to = 0;
	return (size_t)(to - text);
}

static int step(unsigned number, char *line)
{
	line[strcspn(line, "\n")] = 0;
	char *text = strchr(line, ' ');
	if (line[0] == '#' || !text)
		return 0;
	*text++ = 0;
	if (strcmp(line, "pause") == 0) {
		long until = now_ms() + atoi(text);
		while (now_ms() < until && take(10))
			;
		return 0;
	}
	if (strcmp(line, "status") == 0) {
		int got = wait_status();
		return got == atoi(text)
			       ? 0
			       : (printf("status %d\n", got), fail(number, "status is not", text));
	}
	char shown[512];
	snprintf(shown, sizeof(shown), "%s", text);
	size_t bytes = unescape(text);
	if (strcmp(line, "expect") == 0)
		return expect(text, bytes) ? 0 : fail(number, "did not come", shown);
	if (strcmp(line, "absent") == 0)
		return memmem(seen + expected_bytes, seen_bytes - expected_bytes, text, bytes)
			       ? fail(number, "came", shown)
			       : 0;
	if (strcmp(line, "type") == 0)
		return write(terminal, text, bytes) == (ssize_t)bytes
			       ? 0
			       : fail(number, "cannot type", shown);
	return fail(number, "unknown", line);
}

int main(int argc, char **argv)
{
	char line[1024];
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	FILE *script = argc > 2 ? fopen(argv[1], "r") : NULL;
	if (!script)
		return 2;
	child = forkpty(&terminal, NULL, NULL, &size);
	if (child < 0)
		return 2;
	if (child == 0) {
		fclose(script);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	int failed = 0;
	for (unsigned number = 1; !failed && fgets(line, sizeof(line), script); number++)
		failed = step(number, line);
	fclose(script);
	kill(child, SIGKILL);
	return failed;
}
