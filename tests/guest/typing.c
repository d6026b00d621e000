/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads lines from a terminal and says what came; "raw" takes single keys. For the typing tests. */
#include "check.h"

#include <ctype.h>
#include <sys/ioctl.h>
#include <termios.h>

static int read_keys(void)
{
	struct termios old, raw;
	CHECK_EQ(tcgetattr(0, &old), 0);
	raw = old;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	raw.c_iflag &= ~(tcflag_t)ICRNL;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	CHECK_EQ(tcsetattr(0, TCSANOW, &raw), 0);
	printf("keys\n");
	fflush(stdout);
	for (unsigned char key = 0; key != 'q';) {
		if (read(0, &key, 1) != 1)
			break;
		printf("key %02x\n", key);
		fflush(stdout);
	}
	CHECK_EQ(tcsetattr(0, TCSANOW, &old), 0);
	return check_done("keys");
}

static int read_lines(void)
{
	char line[512];
	ssize_t got;
	CHECK_EQ(isatty(0), 1);
	struct winsize size;
	CHECK_EQ(ioctl(1, TIOCGWINSZ, &size), 0);
	printf("ready\n");
	fflush(stdout);
	while ((got = read(0, line, sizeof(line))) > 0) {
		printf("<");
		for (ssize_t i = 0; i < got; i++)
			if (isprint((unsigned char)line[i]))
				putchar(line[i]);
			else
				printf("\\%02x", (unsigned char)line[i]);
		printf(">\n");
		fflush(stdout);
	}
	printf("end %zd\n", got);
	return check_done("typing");
}

/* Says at the end what came: while it is typed, echoes and answers would mix. */
static int read_all(void)
{
	char line[512];
	unsigned lines = 0;
	printf("ready\n");
	fflush(stdout);
	for (ssize_t got; lines < 100 && (got = read(0, line, sizeof(line))) > 0; lines++) {
		unsigned wrong = line[got - 1] != '\n';
		for (ssize_t i = 0; i < got - 1; i++)
			wrong += line[i] != (char)('a' + lines);
		CHECK_EQ(wrong, 0);
		CHECK_EQ(got, 101);
	}
	printf("%u lines\n", lines);
	return check_done("burst");
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "burst") == 0)
		return read_all();
	return argc > 1 && strcmp(argv[1], "raw") == 0 ? read_keys() : read_lines();
}
