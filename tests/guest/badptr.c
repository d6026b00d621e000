/* SPDX-License-Identifier: BSD-3-Clause */
/* A bad pointer handed to any call gives EFAULT; never a crash, of the program or of the kernel. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#define BAD (-2l) /* replaced by each bad address in turn */
#define FILE_FD (-3l)
#define DIR_FD (-4l)
#define GOOD (-5l) /* a good buffer */
#define PATH (-6l) /* "data/hello.txt" */
#define ZERO_FD (-7l)

static const struct attempt {
	const char *name;
	long nr, args[6];
	bool reads; /* the kernel only reads there: a read-only page would do */
} attempts[] = {
	{ "read", SYS_read, { FILE_FD, BAD, 10 }, false },
	{ "read of zeroes", SYS_read, { ZERO_FD, BAD, 10 }, false },
	{ "write", SYS_write, { FILE_FD, BAD, 10 }, true },
	{ "pread64", SYS_pread64, { FILE_FD, BAD, 10, 0 }, false },
	{ "pwrite64", SYS_pwrite64, { FILE_FD, BAD, 10, 0 }, true },
	{ "readv", SYS_readv, { FILE_FD, BAD, 1 }, true },
	{ "writev", SYS_writev, { FILE_FD, BAD, 1 }, true },
	{ "open", SYS_open, { BAD, 0, 0 }, true },
	{ "openat", SYS_openat, { AT_FDCWD, BAD, 0, 0 }, true },
	{ "stat path", SYS_stat, { BAD, GOOD }, true },
	{ "stat buffer", SYS_stat, { PATH, BAD }, false },
	{ "lstat buffer", SYS_lstat, { PATH, BAD }, false },
	{ "fstat", SYS_fstat, { FILE_FD, BAD }, false },
	{ "newfstatat path", SYS_newfstatat, { AT_FDCWD, BAD, GOOD, 0 }, true },
	{ "newfstatat buffer", SYS_newfstatat, { AT_FDCWD, PATH, BAD, 0 }, false },
	{ "statx path", SYS_statx, { AT_FDCWD, BAD, 0, 0x7ff, GOOD }, true },
	{ "statx buffer", SYS_statx, { AT_FDCWD, PATH, 0, 0x7ff, BAD }, false },
	{ "statfs", SYS_statfs, { PATH, BAD }, false },
	{ "access", SYS_access, { BAD, 0 }, true },
	{ "readlink path", SYS_readlink, { BAD, GOOD, 10 }, true },
	{ "getdents64", SYS_getdents64, { DIR_FD, BAD, 1000 }, false },
	{ "getcwd", SYS_getcwd, { BAD, 4096 }, false },
	{ "chdir", SYS_chdir, { BAD }, true },
	{ "mkdir", SYS_mkdir, { BAD, 0 }, true },
	{ "rmdir", SYS_rmdir, { BAD }, true },
	{ "unlink", SYS_unlink, { BAD }, true },
	{ "rename from", SYS_rename, { BAD, PATH }, true },
	{ "rename to", SYS_rename, { PATH, BAD }, true },
	{ "link", SYS_link, { PATH, BAD }, true },
	{ "symlink", SYS_symlink, { BAD, PATH }, true },
	{ "truncate", SYS_truncate, { BAD, 0 }, true },
	{ "chmod", SYS_chmod, { BAD, 0 }, true },
	{ "utimensat", SYS_utimensat, { AT_FDCWD, PATH, BAD, 0 }, true },
	{ "uname", SYS_uname, { BAD }, false },
	{ "sysinfo", SYS_sysinfo, { BAD }, false },
	{ "times", SYS_times, { BAD }, false },
	{ "getrusage", SYS_getrusage, { 0, BAD }, false },
	{ "getrlimit", SYS_getrlimit, { 0, BAD }, false },
	{ "setrlimit", SYS_setrlimit, { 4, BAD }, true },
	{ "prlimit64 old", SYS_prlimit64, { 0, 0, 0, BAD }, false },
	{ "gettimeofday", SYS_gettimeofday, { BAD, 0 }, false },
	{ "clock_gettime", SYS_clock_gettime, { 1, BAD }, false },
	{ "clock_getres", SYS_clock_getres, { 1, BAD }, false },
	{ "nanosleep", SYS_nanosleep, { BAD, 0 }, true },
	{ "clock_nanosleep", SYS_clock_nanosleep, { 1, 0, BAD, 0 }, true },
	{ "getrandom", SYS_getrandom, { BAD, 10, 0 }, false },
	{ "rt_sigaction new", SYS_rt_sigaction, { 10, BAD, 0, 8 }, true },
	{ "rt_sigaction old", SYS_rt_sigaction, { 10, 0, BAD, 8 }, false },
	{ "rt_sigprocmask new", SYS_rt_sigprocmask, { 0, BAD, 0, 8 }, true },
	{ "rt_sigprocmask old", SYS_rt_sigprocmask, { 0, 0, BAD, 8 }, false },
	{ "rt_sigpending", SYS_rt_sigpending, { BAD, 8 }, false },
	{ "rt_sigsuspend", SYS_rt_sigsuspend, { BAD, 8 }, true },
	{ "rt_sigtimedwait", SYS_rt_sigtimedwait, { BAD, 0, 0, 8 }, true },
	{ "rt_sigqueueinfo", SYS_rt_sigqueueinfo, { 1, 10, BAD }, true },
	{ "sigaltstack new", SYS_sigaltstack, { BAD, 0 }, true },
	{ "sigaltstack old", SYS_sigaltstack, { 0, BAD }, false },
	{ "setitimer", SYS_setitimer, { 0, BAD, 0 }, true },
	{ "getitimer", SYS_getitimer, { 0, BAD }, false },
	{ "sched_getaffinity", SYS_sched_getaffinity, { 0, 128, BAD }, false },
	{ "getgroups", SYS_getresuid, { BAD, GOOD, GOOD }, false },
	{ "prctl name", SYS_prctl, { 15, BAD, 0, 0, 0 }, true },
	{ "prctl get name", SYS_prctl, { 16, BAD, 0, 0, 0 }, false },
	{ "arch_prctl get", SYS_arch_prctl, { 0x1003, BAD }, false },
	{ "fcntl getlk", SYS_fcntl, { FILE_FD, F_GETLK, BAD }, false },
	{ "ioctl FIONREAD", SYS_ioctl, { FILE_FD, 0x541b, BAD }, false },
	{ "mincore", SYS_mincore, { GOOD, 4096, BAD }, false },
};

static char good[65536] __attribute__((aligned(4096)));
static int file_fd, dir_fd, zero_fd;
static char path[] = "data/hello.txt";

static long argument(long value, uintptr_t bad)
{
	switch (value) {
	case BAD:
		return (long)bad;
	case FILE_FD:
		return file_fd;
	case DIR_FD:
		return dir_fd;
	case ZERO_FD:
		return zero_fd;
	case GOOD:
		return (long)good;
	case PATH:
		return (long)path;
	default:
		return value;
	}
}

static void try_address(const char *kind, uintptr_t bad, bool readable)
{
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		const struct attempt *attempt = &attempts[i];
		long args[6];
		if (readable && attempt->reads)
			continue;
		for (int j = 0; j < 6; j++)
			args[j] = argument(attempt->args[j], bad);
		if (lseek(dir_fd, 0, SEEK_SET) != 0 || lseek(file_fd, 0, SEEK_SET) != 0)
			check_failures++;
		long got = syscall(attempt->nr, args[0], args[1], args[2], args[3], args[4],
				   args[5]);
		if (got == -1 && errno == EFAULT)
			continue;
		printf("%s at %s: got %ld, errno %d\n", attempt->name, kind, got,
		       got == -1 ? errno : 0);
		check_failures++;
	}
}

int main(void)
{
	file_fd = open("badptr.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	dir_fd = open("data", O_RDONLY | O_DIRECTORY);
	zero_fd = open("/dev/zero", O_RDONLY);
	REQUIRE(file_fd >= 0 && dir_fd >= 0 && zero_fd >= 0);
	CHECK_EQ(write(file_fd, good, 4096), 4096);
	char *hidden = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(hidden != MAP_FAILED && constant != MAP_FAILED);
	try_address("a low address", 16, false);
	try_address("a kernel address", 0xffffffff81000000, false);
	try_address("the first kernel address", 0xffff800000000000, false);
	try_address("a non-canonical address", 0x8000000000000000, false);
	try_address("the end of the address space", (uintptr_t)-8, false);
	try_address("the user border", 0x7ffffffff000, false);
	try_address("an inaccessible page", (uintptr_t)hidden, false);
	try_address("a read-only page", (uintptr_t)constant, true);
	unlink("badptr.tmp");
	return check_done("badptr");
}
