/* SPDX-License-Identifier: BSD-3-Clause */
/* filter [make N|sum|cat|lines]: standard input to standard output, byte by byte as it came, to the end of the file. */
#include "check.h"

static int make(long bytes)
{
	uint32_t state = 1;
	for (long i = 0; i < bytes; i++) {
		state = state * 1664525 + 1013904223;
		putchar(i < 512 ? (int)(i & 255) : (int)(state >> 24));
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

static int sum(void)
{
	static unsigned char block[5000];
	unsigned long bytes = 0, counts[256] = { 0 }, missing = 0;
	uint32_t hash = 2166136261;
	ssize_t got;
	while ((got = read(0, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			hash = (hash ^ block[i]) * 16777619;
			counts[block[i]]++;
		}
		bytes += (unsigned long)got;
	}
	for (int i = 0; i < 256; i++)
		missing += counts[i] == 0;
	printf("%lu bytes, %08x, %lu values missing, end %zd\n", bytes, hash, missing, got);
	printf("again %zd\n", read(0, block, 1));
	return 0;
}

static int cat(void)
{
	static unsigned char block[3000];
	ssize_t got;
	while ((got = read(0, block, sizeof(block))) > 0)
		for (ssize_t done = 0, wrote; done < got; done += wrote)
			if ((wrote = write(1, block + done, (size_t)(got - done))) <= 0)
				return 1;
	return got == 0 ? 0 : 1;
}

static int lines(void)
{
	char line[1000];
	unsigned count = 0;
	while (fgets(line, sizeof(line), stdin))
		printf("%u: %s", ++count, line);
	printf("%u lines\n", count);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "cat";
	if (strcmp(what, "make") == 0)
		return make(argc > 2 ? atol(argv[2]) : 1 << 20);
	if (strcmp(what, "sum") == 0)
		return sum();
	return strcmp(what, "lines") == 0 ? lines() : cat();
}
