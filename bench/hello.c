/* SPDX-License-Identifier: BSD-3-Clause */
/* The smallest ordinary program. */
#include <stdio.h>

int main(void)
{
	puts("hello");
	return 0;
}
