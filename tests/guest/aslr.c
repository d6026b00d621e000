/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints where things are. The runner compares two runs: they differ where Linux randomises. */
#include "check.h"

#include <sys/auxv.h>
#include <sys/mman.h>

int main(void)
{
	static int data;
	int local;
	const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("stack %p\n", (void *)&local);
	printf("mmap %p\n", map);
	printf("heap %p\n", sbrk(0));
	printf("vdso %#lx\n", getauxval(AT_SYSINFO_EHDR));
	printf("random ");
	for (int i = 0; random && i < 16; i++)
		printf("%02x", random[i]);
	printf("\nimage %p\n", (void *)&data);
	return 0;
}
