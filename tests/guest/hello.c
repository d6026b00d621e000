/* SPDX-License-Identifier: BSD-3-Clause */
/* The least a program does. */
#include <stdio.h>

int main(void)
{
	puts("Hello, world!");
	return 0;
}
