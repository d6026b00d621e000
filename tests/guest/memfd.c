/* SPDX-License-Identifier: BSD-3-Clause */
/* memfd_create and seals: what each seal forbids, and what may not be sealed. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int sealed(unsigned seals)
{
	int fd = memfd_create("name", MFD_ALLOW_SEALING);

	REQUIRE(fd >= 0 && write(fd, "0123456789", 10) == 10);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, seals), 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), seals);
	return fd;
}

static void *map(int fd, int prot, int flags)
{
	return mmap(NULL, 4096, prot, flags, fd, 0);
}

static void sizes(void)
{
	int fd = sealed(F_SEAL_SHRINK);

	CHECK_ERROR(ftruncate(fd, 9), EPERM);
	CHECK_EQ(ftruncate(fd, 20), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	close(fd);
	fd = sealed(F_SEAL_GROW);
	CHECK_ERROR(ftruncate(fd, 11), EPERM);
	CHECK_ERROR(pwrite(fd, "xyz", 3, 8), EPERM);
	CHECK_EQ(pwrite(fd, "xy", 2, 8), 2);
	CHECK_ERROR(fallocate(fd, 0, 0, 100), EPERM);
	CHECK_ERROR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100), EPERM);
	CHECK_EQ(ftruncate(fd, 5), 0);
	close(fd);
}

static void writing(void)
{
	int fd = sealed(F_SEAL_WRITE);

	CHECK_ERROR(pwrite(fd, "x", 1, 0), EPERM);
	CHECK_ERROR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5), EPERM);
	CHECK(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED && errno == EPERM);
	char *copy = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(copy != MAP_FAILED && copy[3] == '3');
	copy[3] = 'x';
	CHECK_EQ(ftruncate(fd, 20), 0);
	close(fd);

	fd = sealed(0);
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(shared != MAP_FAILED);
	CHECK_ERROR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	shared[0] = 'y'; /* what is mapped already may go on */
	CHECK_ERROR(pwrite(fd, "x", 1, 0), EPERM);
	CHECK(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED && errno == EPERM);
	char *seen = map(fd, PROT_READ, MAP_SHARED);
	CHECK(seen != MAP_FAILED && seen[0] == 'y');
	CHECK_ERROR(mprotect(seen, 4096, PROT_READ | PROT_WRITE), EACCES);
	munmap(shared, 4096);
	munmap(seen, 4096);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	close(fd);
}

int main(void)
{
	char path[64], link[64] = "";
	struct stat st;
	int fd;

	sizes();
	writing();
	fd = sealed(F_SEAL_SEAL);
	CHECK_ERROR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK(readlink(path, link, sizeof link - 1) > 0);
	CHECK(!strcmp(link, "/memfd:name (deleted)"));
	CHECK(!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size == 10);
	int reader = open(path, O_RDONLY);
	CHECK(reader >= 0);
	CHECK_ERROR(fcntl(reader, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	close(reader);
	close(fd);
	fd = memfd_create("", 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERROR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	close(fd);
	fd = sealed(0);
	CHECK_ERROR(fcntl(fd, F_ADD_SEALS, 0x8000), EINVAL);
	CHECK_ERROR(fcntl(0, F_GET_SEALS), EINVAL);
	CHECK_ERROR(memfd_create("x", 0x8000), EINVAL);
	CHECK_ERROR(memfd_create(check_bad_pointer(), 0), EFAULT);
	return check_done("memfd");
}
