/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `capuchin`: chooses the subcommand. */
#include "commands.h"
#include "options.h"
#include "report.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef CAPUCHIN_VERSION
#define CAPUCHIN_VERSION "0.1"
#endif

static int wrong_usage(const char *complaint, const char *word)
{
	report("%s%s%s%s", complaint, word ? " '" : "", word ? word : "", word ? "'" : "");
	fputs("Try 'capuchin --help' for more information.\n", stderr);
	return EXIT_USAGE;
}

/* What was printed has to have arrived. */
static int finish_printing(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_SUCCESS;
	report("write error: %s", strerror(errno));
	return EXIT_CANNOT_RUN;
}

static int show_help(char **words)
{
	if (!words[0])
		help_print_general();
	else if (!strcmp(words[0], "run"))
		help_print(COMMAND_RUN);
	else if (!strcmp(words[0], "build"))
		help_print(COMMAND_BUILD);
	else if (!strcmp(words[0], "selftest"))
		help_print(COMMAND_SELFTEST);
	else
		return wrong_usage("unknown command", words[0]);
	return finish_printing();
}

static int (*const perform_functions[])(struct options *o) = {
	[COMMAND_RUN] = command_run,
	[COMMAND_BUILD] = command_build,
	[COMMAND_SELFTEST] = command_selftest,
};

static int perform(enum command command, int argc, char **argv)
{
	struct options o;
	int status = EXIT_USAGE;
	enum options_verdict verdict = options_parse(&o, command, argc, argv);

	if (verdict == OPTIONS_SHOWN)
		status = finish_printing();
	else if (verdict == OPTIONS_GO && signals_init())
		status = EXIT_CANNOT_RUN;
	else if (verdict == OPTIONS_GO)
		status = perform_functions[command](&o);
	options_free(&o);
	return status;
}

/* A closed standard stream's number would otherwise go to the next file opened. */
static void open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(EXIT_CANNOT_RUN);
	}
}

int main(int argc, char **argv)
{
	open_standard_streams();
	if (argc < 2)
		return wrong_usage("no command given", NULL);
	const char *word = argv[1];
	if (!strcmp(word, "run"))
		return perform(COMMAND_RUN, argc - 1, argv + 1);
	if (!strcmp(word, "build"))
		return perform(COMMAND_BUILD, argc - 1, argv + 1);
	if (!strcmp(word, "selftest"))
		return perform(COMMAND_SELFTEST, argc - 1, argv + 1);
	if (!strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h"))
		return show_help(argv + 2);
	if (!strcmp(word, "--version")) {
		puts("capuchin " CAPUCHIN_VERSION);
		return finish_printing();
	}
	return wrong_usage(word[0] == '-' ? "unrecognized option" : "unknown command", word);
}
