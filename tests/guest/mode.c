/* SPDX-License-Identifier: BSD-3-Clause */
/* umask, chmod, chown, utimensat; on new files and on the image's. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

static unsigned mode_of(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 ? status.st_mode & 07777 : 0xffff;
}

static void check_umask(void)
{
	CHECK_EQ(umask(027) & ~0777u, 0);
	CHECK_EQ(umask(027), 027);
	close(open("m1", O_WRONLY | O_CREAT, 0666));
	CHECK_EQ(mode_of("m1"), 0640);
	mkdir("m2", 0777);
	CHECK_EQ(mode_of("m2"), 0750);
	CHECK_EQ(umask(0), 027);
	close(open("m3", O_WRONLY | O_CREAT, 0666));
	CHECK_EQ(mode_of("m3"), 0666);
	umask(022);
}

static void check_chmod(void)
{
	CHECK_EQ(chmod("m1", 0700), 0);
	CHECK_EQ(mode_of("m1"), 0700);
	CHECK_EQ(chmod("m1", 04755), 0);
	CHECK_EQ(mode_of("m1"), 04755);
	CHECK_EQ(chmod("m2", 01777), 0);
	CHECK_EQ(mode_of("m2"), 01777);
	int fd = open("m1", O_RDONLY);
	CHECK_EQ(fchmod(fd, 0604), 0);
	CHECK_EQ(mode_of("m1"), 0604);
	close(fd);
	CHECK_EQ(fchmodat(AT_FDCWD, "m1", 0644, 0), 0);
	CHECK_EQ(chmod("data/hello.txt", 0600), 0);
	CHECK_EQ(mode_of("data/hello.txt"), 0600);
	CHECK_EQ(mode_of("data/link"), 0600);
	CHECK_EQ(chmod("data/dir", 0711), 0);
	CHECK_EQ(mode_of("data/dir"), 0711);
	CHECK_EQ(access("data/dir/a", F_OK), 0);
	CHECK_ERROR(chmod("absent", 0600), ENOENT);
	CHECK_ERROR(fchmod(999, 0600), EBADF);
	char buffer[32];
	fd = open("data/hello.txt", O_RDONLY);
	CHECK_EQ(read(fd, buffer, 32), 21); /* contents as they were */
	close(fd);
}

static void check_owner(void)
{
	struct stat status;
	CHECK_EQ(chown("m1", 1000, 1001), 0);
	CHECK_EQ(stat("m1", &status), 0);
	CHECK_EQ(status.st_uid, 1000);
	CHECK_EQ(status.st_gid, 1001);
	CHECK_EQ(chown("m1", (uid_t)-1, 5), 0);
	CHECK_EQ(stat("m1", &status), 0);
	CHECK_EQ(status.st_uid, 1000);
	CHECK_EQ(status.st_gid, 5);
	CHECK_EQ(lchown("data/link", 7, 7), 0);
	CHECK_EQ(lstat("data/link", &status), 0);
	CHECK_EQ(status.st_uid, 7);
	CHECK_EQ(stat("data/link", &status), 0);
	CHECK_EQ(status.st_uid, 0);
}

static void check_times(void)
{
	struct stat status;
	struct timespec times[2] = { { 1000, 5000 }, { 2000, 999999999 } };
	CHECK_EQ(utimensat(AT_FDCWD, "m1", times, 0), 0);
	CHECK_EQ(stat("m1", &status), 0);
	CHECK_EQ(status.st_atim.tv_sec, 1000);
	CHECK_EQ(status.st_atim.tv_nsec, 5000);
	CHECK_EQ(status.st_mtim.tv_sec, 2000);
	CHECK_EQ(status.st_mtim.tv_nsec, 999999999);
	times[0].tv_nsec = UTIME_OMIT;
	times[1] = (struct timespec){ 3000, 0 };
	CHECK_EQ(utimensat(AT_FDCWD, "m1", times, 0), 0);
	CHECK_EQ(stat("m1", &status), 0);
	CHECK_EQ(status.st_atim.tv_sec, 1000);
	CHECK_EQ(status.st_mtim.tv_sec, 3000);
	times[1].tv_nsec = UTIME_NOW;
	CHECK_EQ(utimensat(AT_FDCWD, "m1", times, 0), 0);
	CHECK_EQ(stat("m1", &status), 0);
	CHECK(status.st_mtim.tv_sec >= time(NULL) - 60);
	times[1].tv_nsec = 1000000000;
	CHECK_ERROR(utimensat(AT_FDCWD, "m1", times, 0), EINVAL);
	struct timeval old[2] = { { 50, 0 }, { 60, 0 } };
	CHECK_EQ(utimes("data/hello.txt", old), 0);
	CHECK_EQ(stat("data/hello.txt", &status), 0);
	CHECK_EQ(status.st_mtime, 60);
	int fd = open("m1", O_WRONLY);
	CHECK_EQ(futimens(fd, (struct timespec[2]){ { 1, 0 }, { 2, 0 } }), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(fstat(fd, &status), 0);
	CHECK(status.st_mtime >= time(NULL) - 60); /* writing sets it */
	close(fd);
	CHECK_ERROR(utimensat(AT_FDCWD, "absent", NULL, 0), ENOENT);
}

int main(void)
{
	check_umask();
	check_chmod();
	check_owner();
	check_times();
	return check_done("mode");
}
