/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/null, zero, full, random, urandom, and getrandom. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>

static unsigned char buffer[100000], other[100000];

static void check_null(void)
{
	int fd = open("/dev/null", O_RDWR);
	REQUIRE(fd >= 0);
	CHECK_EQ(read(fd, buffer, 100), 0);
	CHECK_EQ(write(fd, buffer, sizeof(buffer)), sizeof(buffer));
	struct iovec pieces[] = { { buffer, 10 }, { buffer, 20 } };
	CHECK_EQ(writev(fd, pieces, 2), 30);
	CHECK_EQ(pread(fd, buffer, 10, 5), 0);
	CHECK_EQ(lseek(fd, 100, SEEK_SET) >= 0, 1);
	CHECK_EQ(isatty(fd), 0);
	close(fd);
	fd = open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666);
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERROR(open("/dev/null/x", O_RDONLY), ENOTDIR);
}

static void check_zero_and_full(void)
{
	int fd = open("/dev/zero", O_RDWR);
	memset(buffer, 1, sizeof(buffer));
	CHECK_EQ(read(fd, buffer, sizeof(buffer)), sizeof(buffer));
	unsigned other_bytes = 0;
	for (size_t i = 0; i < sizeof(buffer); i++)
		other_bytes += buffer[i] != 0;
	CHECK_EQ(other_bytes, 0);
	CHECK_EQ(write(fd, buffer, 10), 10);
	CHECK_ERROR(read(fd, check_bad_pointer(), 10), EFAULT);
	close(fd);
	fd = open("/dev/full", O_RDWR);
	memset(buffer, 1, 10);
	CHECK_EQ(read(fd, buffer, 10), 10);
	CHECK_EQ(buffer[9], 0);
	CHECK_ERROR(write(fd, buffer, 10), ENOSPC);
	close(fd);
}

/* Bytes of which about half the bits are set, and another lot each time. */
static void check_random_bytes(const char *name, ssize_t (*get)(void *, size_t))
{
	CHECK_EQ(get(buffer, sizeof(buffer)), sizeof(buffer));
	CHECK_EQ(get(other, sizeof(other)), sizeof(other));
	unsigned long bits = 0, equal = 0;
	unsigned seen[256] = { 0 }, missing = 0;
	for (size_t i = 0; i < sizeof(buffer); i++) {
		bits += (unsigned)__builtin_popcount(buffer[i]);
		equal += buffer[i] == other[i];
		seen[buffer[i]]++;
	}
	for (int i = 0; i < 256; i++)
		missing += seen[i] < 200 || seen[i] > 600;
	if (bits < 395000 || bits > 405000 || equal > 1000 || missing != 0) {
		printf("%s: bits %lu, equal %lu, rare or frequent values %u\n", name, bits, equal,
		       missing);
		check_failures++;
	}
}

static ssize_t from_file(const char *path, void *to, size_t bytes)
{
	int fd = open(path, O_RDONLY);
	ssize_t total = 0;
	while ((size_t)total < bytes) {
		ssize_t got = read(fd, (char *)to + total, bytes - (size_t)total);
		if (got <= 0)
			break;
		total += got;
	}
	close(fd);
	return total;
}

static ssize_t from_urandom(void *to, size_t bytes)
{
	return from_file("/dev/urandom", to, bytes);
}

static ssize_t from_random(void *to, size_t bytes)
{
	return from_file("/dev/random", to, bytes);
}

static ssize_t from_call(void *to, size_t bytes)
{
	return getrandom(to, bytes, 0);
}

static void check_getrandom(void)
{
	CHECK_EQ(getrandom(buffer, 0, 0), 0);
	CHECK_EQ(getrandom(buffer, 1, GRND_NONBLOCK), 1);
	CHECK_EQ(getrandom(buffer, 256, GRND_RANDOM), 256);
	CHECK_ERROR(getrandom(buffer, 1, 0x100), EINVAL);
	CHECK_ERROR(getrandom(check_bad_pointer(), 1, 0), EFAULT);
	int fd = open("/dev/urandom", O_WRONLY);
	CHECK_EQ(write(fd, "seed", 4), 4);
	close(fd);
}

int main(void)
{
	check_null();
	check_zero_and_full();
	check_random_bytes("urandom", from_urandom);
	check_random_bytes("random", from_random);
	check_random_bytes("getrandom", from_call);
	check_getrandom();
	DIR *directory = opendir("/dev");
	CHECK(directory != NULL);
	unsigned found = 0;
	for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;)
		found += strcmp(entry->d_name, "null") == 0 ||
			 strcmp(entry->d_name, "urandom") == 0;
	CHECK_EQ(found, 2);
	return check_done("devices");
}
