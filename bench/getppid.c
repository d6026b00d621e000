/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes as many system calls as its argument says: two runs with different numbers give the cost of one. */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 0;

	for (long i = 0; i < calls; i++)
		getppid();
	return 0;
}
