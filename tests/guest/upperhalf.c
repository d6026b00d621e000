/* SPDX-License-Identifier: BSD-3-Clause */
/* Of an argument that is an int to the kernel, only the lower half of the register counts. */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

#define UPPER (1l << 32)
#define BUFFER (-0x7001l) /* room, filled with zeroes before each call */
#define FD (-0x7002l)     /* of a file that is open for reading and writing */
#define PATH (-0x7003l)
#define SELF (-0x7004l)
#define PAGES (-0x7005l) /* mapped */

/* `ints`: a bit per argument that is an int, or unsigned. */
static const struct attempt {
	const char *name;
	long nr, args[6];
	unsigned ints;
} attempts[] = {
	{ "kill with 0", SYS_kill, { SELF, 0 }, 3 },
	{ "kill with a bad signal", SYS_kill, { SELF, 65 }, 3 },
	{ "kill of nobody", SYS_kill, { 0x7ffffff, 0 }, 3 },
	{ "tkill", SYS_tkill, { SELF, 0 }, 3 },
	{ "tgkill", SYS_tgkill, { SELF, SELF, 0 }, 7 },
	{ "rt_sigqueueinfo", SYS_rt_sigqueueinfo, { SELF, 0, BUFFER }, 3 },
	{ "rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo, { SELF, SELF, 0, BUFFER }, 7 },
	{ "rt_sigaction", SYS_rt_sigaction, { SIGUSR2, BUFFER, 0, 8 }, 1 },
	{ "rt_sigaction of SIGKILL", SYS_rt_sigaction, { SIGKILL, BUFFER, 0, 8 }, 1 },
	{ "rt_sigaction of SIGSTOP", SYS_rt_sigaction, { SIGSTOP, BUFFER, 0, 8 }, 1 },
	{ "rt_sigaction of 0", SYS_rt_sigaction, { 0, BUFFER, 0, 8 }, 1 },
	{ "rt_sigprocmask block", SYS_rt_sigprocmask, { SIG_BLOCK, BUFFER, 0, 8 }, 1 },
	{ "rt_sigprocmask set", SYS_rt_sigprocmask, { SIG_SETMASK, BUFFER, 0, 8 }, 1 },
	{ "getpriority", SYS_getpriority, { 0, 0 }, 3 },
	{ "setpriority", SYS_setpriority, { 0, 0, 0 }, 7 },
	{ "membarrier", SYS_membarrier, { 0, 0, 0 }, 7 },
	{ "arch_prctl", SYS_arch_prctl, { 0x1003, BUFFER }, 1 },
	{ "prctl get name", SYS_prctl, { 16, BUFFER }, 1 },
	{ "prctl set tsc", SYS_prctl, { 26, 1 }, 3 },
	{ "sched_getattr", SYS_sched_getattr, { 0, BUFFER, 48, 0 }, 13 },
	{ "sched_getscheduler", SYS_sched_getscheduler, { 0 }, 1 },
	{ "sched_get_priority_max", SYS_sched_get_priority_max, { SCHED_FIFO }, 1 },
	{ "fcntl F_GETFL", SYS_fcntl, { FD, F_GETFL, 0 }, 3 },
	{ "fcntl F_GETFD", SYS_fcntl, { FD, F_GETFD, 0 }, 3 },
	{ "fcntl F_SETFD", SYS_fcntl, { FD, F_SETFD, 0 }, 7 },
	{ "fcntl F_DUPFD", SYS_fcntl, { -1, F_DUPFD, 0 }, 3 },
	{ "dup of nothing", SYS_dup, { -1 }, 1 },
	{ "dup3", SYS_dup3, { FD, 20, O_CLOEXEC }, 7 },
	{ "dup2", SYS_dup2, { FD, 20 }, 3 },
	{ "close_range", SYS_close_range, { 20, 20, 0 }, 7 },
	{ "flock", SYS_flock, { FD, 8 }, 3 },
	{ "sync_file_range", SYS_sync_file_range, { FD, 0, 0, 2 }, 9 },
	{ "fadvise64", SYS_fadvise64, { FD, 0, 0, 1 }, 9 },
	{ "fallocate", SYS_fallocate, { FD, 0, 0, 1 }, 3 },
	{ "lseek", SYS_lseek, { FD, 0, SEEK_SET }, 5 },
	{ "pread64", SYS_pread64, { FD, BUFFER, 2, 0 }, 1 },
	{ "copy_file_range", SYS_copy_file_range, { FD, BUFFER, FD, BUFFER, 0, 0 }, 37 },
	{ "getpgid", SYS_getpgid, { 0 }, 1 },
	{ "setpgid", SYS_setpgid, { 0, -1 }, 3 },
	{ "getgroups", SYS_getgroups, { 0, BUFFER }, 1 },
	{ "wait4", SYS_wait4, { -1, 0, 1, 0 }, 5 },
	{ "waitid", SYS_waitid, { 0, 0, 0, 5, 0 }, 11 },
	{ "prlimit64", SYS_prlimit64, { 0, 7, 0, BUFFER }, 3 },
	{ "getrlimit", SYS_getrlimit, { 7, BUFFER }, 1 },
	{ "getrusage", SYS_getrusage, { 0, BUFFER }, 1 },
	{ "getrandom", SYS_getrandom, { BUFFER, 8, 0 }, 4 },
	{ "msync", SYS_msync, { PAGES, 4096, MS_SYNC }, 4 },
	{ "madvise", SYS_madvise, { PAGES, 4096, MADV_NORMAL }, 4 },
	{ "newfstatat", SYS_newfstatat, { AT_FDCWD, PATH, BUFFER, 0 }, 9 },
	{ "statx", SYS_statx, { AT_FDCWD, PATH, 0, 0x7ff, BUFFER }, 13 },
	{ "readlinkat", SYS_readlinkat, { AT_FDCWD, PATH, BUFFER, 10 }, 9 },
	{ "faccessat2", SYS_faccessat2, { AT_FDCWD, PATH, R_OK, 0 }, 13 },
	{ "access", SYS_access, { PATH, R_OK }, 2 },
	{ "fchownat", SYS_fchownat, { AT_FDCWD, PATH, -1, -1, AT_SYMLINK_NOFOLLOW }, 29 },
	{ "utimensat", SYS_utimensat, { AT_FDCWD, PATH, 0, 0 }, 9 },
	{ "linkat", SYS_linkat, { AT_FDCWD, PATH, AT_FDCWD, PATH, 0 }, 21 },
	{ "renameat2", SYS_renameat2, { AT_FDCWD, PATH, AT_FDCWD, PATH, 0 }, 21 },
	{ "unlinkat", SYS_unlinkat, { AT_FDCWD, PATH, AT_REMOVEDIR }, 5 },
	{ "clock_gettime", SYS_clock_gettime, { CLOCK_MONOTONIC, BUFFER }, 1 },
	{ "clock_getres", SYS_clock_getres, { CLOCK_MONOTONIC, BUFFER }, 1 },
	{ "clock_nanosleep", SYS_clock_nanosleep, { CLOCK_MONOTONIC, 0, BUFFER, 0 }, 3 },
	{ "clock_nanosleep until", SYS_clock_nanosleep, { CLOCK_MONOTONIC, 1, BUFFER, 0 }, 3 },
	{ "clock_nanosleep CPU", SYS_clock_nanosleep, { CLOCK_THREAD_CPUTIME_ID, 0, BUFFER }, 3 },
	{ "getitimer", SYS_getitimer, { 0, BUFFER }, 1 },
	{ "setitimer", SYS_setitimer, { 0, BUFFER, 0 }, 1 },
	{ "poll", SYS_poll, { BUFFER, 0, 0 }, 6 },
	{ "select", SYS_select, { 0, 0, 0, 0, BUFFER }, 1 },
	{ "futex wake", SYS_futex, { BUFFER, 1, 1, 0, 0, 0 }, 6 },
	{ "get_robust_list", SYS_get_robust_list, { 0, BUFFER, BUFFER }, 1 },
};

/* The descriptors that these return are closed again. */
static const struct attempt openers[] = {
	{ "openat", SYS_openat, { AT_FDCWD, PATH, O_RDONLY, 0 }, 13 },
	{ "dup", SYS_dup, { FD }, 1 },
	{ "eventfd2", SYS_eventfd2, { 1, O_NONBLOCK }, 3 },
	{ "timerfd_create", SYS_timerfd_create, { CLOCK_MONOTONIC, O_CLOEXEC }, 3 },
	{ "memfd_create", SYS_memfd_create, { PATH, 1 }, 2 },
};

static uint64_t buffer[1024];
static int fd;
static void *pages;
static const char path[] = "upperhalf.tmp";

static long argument(long a)
{
	switch (a) {
	case BUFFER:
		return (long)buffer;
	case FD:
		return fd;
	case PATH:
		return (long)path;
	case SELF:
		return getpid();
	case PAGES:
		return (long)pages;
	default:
		return a;
	}
}

/* The result, or -errno; with `dirty` in the upper half of those arguments. */
static long attempt(const struct attempt *t, unsigned dirty)
{
	long a[6];

	memset(buffer, 0, sizeof(buffer));
	for (int i = 0; i < 6; i++) {
		a[i] = argument(t->args[i]);
		if (dirty >> i & 1)
			a[i] ^= UPPER;
	}
	errno = 0;
	long result = syscall(t->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	return result == -1 ? -errno : result;
}

static void compare(const struct attempt *t)
{
	long plain = attempt(t, 0);

	for (int i = 0; i < 6; i++) {
		if (!(t->ints >> i & 1))
			continue;
		long got = attempt(t, 1u << i);
		if (got == plain)
			continue;
		check_failures++;
		printf("%s: %ld, with an upper half in argument %d: %ld\n", t->name, plain, i + 1,
		       got);
	}
}

static void compare_opener(const struct attempt *t)
{
	for (int i = -1; i < 6; i++) {
		if (i >= 0 && !(t->ints >> i & 1))
			continue;
		long got = attempt(t, i < 0 ? 0 : 1u << i);
		if (got >= 0) {
			close((int)got);
			continue;
		}
		check_failures++;
		printf("%s: with an upper half in argument %d: %ld\n", t->name, i + 1, got);
	}
}

static void check_timerfd(void)
{
	fd = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);
	REQUIRE(fd >= 0);
	const struct attempt settime = {
		"timerfd_settime", SYS_timerfd_settime, { FD, 1, BUFFER, 0 }, 3
	};
	compare(&settime);
	close(fd);
}

int main(void)
{
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	pages = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(fd >= 0 && pages != MAP_FAILED);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++)
		compare(&attempts[i]);
	for (size_t i = 0; i < sizeof(openers) / sizeof(*openers); i++)
		compare_opener(&openers[i]);
	close(fd);
	unlink(path);
	check_timerfd();
	return check_done("upperhalf");
}
