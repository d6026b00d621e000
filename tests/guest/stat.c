/* SPDX-License-Identifier: BSD-3-Clause */
/* stat, lstat, fstat, fstatat, statx and statfs agree with each other and with what was written. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

/* Linux's struct statx, which musl-gcc's headers may not have. */
struct statx_result {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare0;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t seconds;
		uint32_t nanoseconds;
		int32_t spare;
	} atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare1[14];
};

#define STATX_BASIC 0x7ffu

static void check_image_files(void)
{
	struct stat status, link_status, same;
	CHECK_EQ(stat("data/hello.txt", &status), 0);
	CHECK_EQ(status.st_mode, S_IFREG | 0644);
	CHECK_EQ(status.st_size, 21);
	CHECK_EQ(status.st_nlink, 1);
	CHECK_EQ(status.st_uid, 0);
	CHECK_EQ(status.st_gid, 0);
	CHECK_EQ(status.st_mtime, 1700000000);
	CHECK(status.st_ino != 0 && status.st_blksize >= 512);
	CHECK_EQ(stat("data/link", &same), 0);
	CHECK(same.st_ino == status.st_ino && same.st_dev == status.st_dev);
	CHECK_EQ(lstat("data/link", &link_status), 0);
	CHECK_EQ(link_status.st_mode, S_IFLNK | 0777);
	CHECK_EQ(link_status.st_size, 9);
	CHECK(link_status.st_ino != status.st_ino);
	CHECK_EQ(stat("data/hard1", &status), 0);
	CHECK_EQ(stat("data/hard2", &same), 0);
	CHECK_EQ(status.st_nlink, 2);
	CHECK(same.st_ino == status.st_ino);
	CHECK_EQ(stat("data/exec.sh", &status), 0);
	CHECK_EQ(status.st_mode, S_IFREG | 0755);
	CHECK_EQ(stat("data/readonly.txt", &status), 0);
	CHECK_EQ(status.st_mode, S_IFREG | 0444);
	CHECK_EQ(stat("data/dir", &status), 0);
	CHECK_EQ(status.st_mode, S_IFDIR | 0755);
	CHECK_EQ(status.st_mtime, 86400);
	CHECK_EQ(stat("data/dir/../dir/.", &same), 0);
	CHECK(same.st_ino == status.st_ino);
	CHECK_EQ(stat("data/ünï cödé", &status), 0);
	CHECK_EQ(status.st_size, 8);
}

static void check_new_file(void)
{
	struct stat status, by_name;
	int fd = open("stat.tmp", O_RDWR | O_CREAT | O_TRUNC, 0640);
	CHECK_EQ(write(fd, "12345", 5), 5);
	CHECK_EQ(fstat(fd, &status), 0);
	CHECK_EQ(status.st_mode, S_IFREG | 0640);
	CHECK_EQ(status.st_size, 5);
	CHECK_EQ(status.st_nlink, 1);
	CHECK_EQ(fstatat(AT_FDCWD, "stat.tmp", &by_name, 0), 0);
	CHECK(by_name.st_ino == status.st_ino && by_name.st_dev == status.st_dev);
	CHECK_EQ(fstatat(fd, "", &by_name, AT_EMPTY_PATH), 0);
	CHECK(by_name.st_ino == status.st_ino);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK(status.st_mtime <= now.tv_sec && status.st_mtime >= now.tv_sec - 60);
	CHECK(status.st_ctime <= now.tv_sec && status.st_ctime >= now.tv_sec - 60);
	close(fd);
	unlink("stat.tmp");
}

static void check_statx(void)
{
	struct statx_result x;
	struct stat status;
	CHECK_EQ(stat("data/hello.txt", &status), 0);
	memset(&x, 0xff, sizeof(x));
	CHECK_EQ(syscall(SYS_statx, AT_FDCWD, "data/hello.txt", 0, STATX_BASIC, &x), 0);
	CHECK_EQ(x.mask & STATX_BASIC, STATX_BASIC);
	CHECK_EQ(x.size, 21);
	CHECK_EQ(x.mode, S_IFREG | 0644);
	CHECK_EQ(x.nlink, 1);
	CHECK_EQ(x.ino, status.st_ino);
	CHECK_EQ(x.blksize, status.st_blksize);
	CHECK_EQ(x.blocks, status.st_blocks);
	CHECK_EQ(x.mtime.seconds, 1700000000);
	CHECK_EQ(x.dev_major, major(status.st_dev));
	CHECK_EQ(x.dev_minor, minor(status.st_dev));
	CHECK_EQ(syscall(SYS_statx, AT_FDCWD, "data/link", AT_SYMLINK_NOFOLLOW, STATX_BASIC, &x),
		 0);
	CHECK_EQ(x.mode, S_IFLNK | 0777);
	CHECK_EQ(syscall(SYS_statx, 1, "", AT_EMPTY_PATH, STATX_BASIC, &x), 0);
	CHECK_ERROR(syscall(SYS_statx, AT_FDCWD, "absent", 0, STATX_BASIC, &x), ENOENT);
	CHECK_ERROR(syscall(SYS_statx, AT_FDCWD, "data", 0x40000000, STATX_BASIC, &x), EINVAL);
	CHECK_ERROR(syscall(SYS_statx, AT_FDCWD, "data", 0, 0x80000000u, &x), EINVAL);
	CHECK_ERROR(syscall(SYS_statx, AT_FDCWD, "data", 0, STATX_BASIC, 8), EFAULT);
}

static void check_errors(void)
{
	struct stat status;
	CHECK_ERROR(stat("absent", &status), ENOENT);
	CHECK_ERROR(stat("", &status), ENOENT);
	CHECK_ERROR(stat("data/dangling", &status), ENOENT);
	CHECK_EQ(lstat("data/dangling", &status), 0);
	CHECK_ERROR(stat("data/loop1", &status), ELOOP);
	CHECK_ERROR(stat("data/hello.txt/x", &status), ENOTDIR);
	CHECK_ERROR(stat("data/hello.txt/.", &status), ENOTDIR);
	CHECK_ERROR(fstat(999, &status), EBADF);
	CHECK_ERROR(fstatat(AT_FDCWD, "data", &status, 0x40000000), EINVAL);
}

static void check_devices_and_systems(void)
{
	struct stat status;
	struct statfs fs;
	CHECK_EQ(stat("/dev/null", &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	CHECK_EQ(status.st_mode & 0777, 0666);
	CHECK_EQ(major(status.st_rdev), 1);
	CHECK_EQ(minor(status.st_rdev), 3);
	CHECK_EQ(stat("/dev/zero", &status), 0);
	CHECK_EQ(minor(status.st_rdev), 5);
	CHECK_EQ(stat("/", &status), 0);
	CHECK(S_ISDIR(status.st_mode));
	CHECK_EQ(statfs(".", &fs), 0);
	CHECK(fs.f_bsize >= 512 && fs.f_blocks >= fs.f_bfree && fs.f_namelen == 255);
	CHECK_EQ(statfs("/proc", &fs), 0);
	CHECK_EQ(fs.f_type, 0x9fa0);
	CHECK_ERROR(statfs("absent", &fs), ENOENT);
	CHECK_ERROR(fstatfs(999, &fs), EBADF);
}

int main(void)
{
	check_image_files();
	check_new_file();
	check_statx();
	check_errors();
	check_devices_and_systems();
	return check_done("stat");
}
