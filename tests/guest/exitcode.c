/* SPDX-License-Identifier: BSD-3-Clause */
/* exitcode N [raw|exit|thread]: ends with status N, through libc's exit, _exit or the exit system call. */
#include "check.h"

#include <sys/syscall.h>

int main(int argc, char **argv)
{
	int status = argc > 1 ? atoi(argv[1]) : 0;
	const char *how = argc > 2 ? argv[2] : "return";
	if (strcmp(how, "raw") == 0)
		syscall(SYS_exit_group, status);
	if (strcmp(how, "thread") == 0)
		syscall(SYS_exit, status);
	if (strcmp(how, "exit") == 0)
		exit(status);
	return status;
}
