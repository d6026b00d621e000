/* SPDX-License-Identifier: BSD-3-Clause */
/* uname, process and user ids, prctl names, the usual single-process answers. */
#include "check.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

static void check_uname(void)
{
	struct utsname names;
	CHECK_EQ(uname(&names), 0);
	CHECK(strcmp(names.sysname, "Linux") == 0);
	CHECK(strcmp(names.machine, "x86_64") == 0);
	int major = 0, minor = 0;
	CHECK_EQ(sscanf(names.release, "%d.%d", &major, &minor), 2);
	CHECK(major >= 5); /* what glibc and language runtimes ask for, with room */
	CHECK(names.nodename[0] != 0 && names.version[0] != 0);
	char host[65] = "";
	CHECK_EQ(gethostname(host, sizeof(host)), 0);
	CHECK(strcmp(host, names.nodename) == 0);
}

static void check_ids(void)
{
	uid_t real, effective, saved;
	gid_t groups[64];
	CHECK(getpid() > 0);
	CHECK(getppid() >= 0);
	CHECK_EQ(syscall(SYS_gettid), getpid());
	CHECK_EQ(getuid(), geteuid());
	CHECK_EQ(getgid(), getegid());
	CHECK_EQ(getresuid(&real, &effective, &saved), 0);
	CHECK(real == getuid() && effective == getuid() && saved == getuid());
	CHECK(getpgrp() > 0 || getpgrp() == 0);
	CHECK_EQ(getpgid(0), getpgrp());
	CHECK(getsid(0) >= 0);
	CHECK(getgroups(0, NULL) >= 0 && getgroups(64, groups) >= 0);
	CHECK_EQ(setuid(getuid()), 0);
	CHECK_EQ(setgid(getgid()), 0);
}

static void check_prctl(void)
{
	char name[17] = "";
	CHECK_EQ(prctl(PR_SET_NAME, "a long name that is cut"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK(strcmp(name, "a long name tha") == 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_ERROR(prctl(987654), EINVAL);
}

static void check_scheduling(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_COUNT(&set) >= 1);
	CHECK(CPU_ISSET(sched_getcpu(), &set));
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(set), &set);
	CHECK(bytes >= 8 && bytes % 8 == 0);
	CHECK_ERROR(syscall(SYS_sched_getaffinity, 0, 3, &set), EINVAL);
	CHECK_ERROR(syscall(SYS_sched_getaffinity, 0x3fffffff, sizeof(set), &set), ESRCH);
	CHECK_EQ(sched_yield(), 0);
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
	CHECK(sched_get_priority_max(SCHED_FIFO) == 99);
	errno = 0;
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
	CHECK_EQ(sysconf(_SC_PAGESIZE), 4096);
	CHECK_EQ(sysconf(_SC_CLK_TCK), 100);
}

static void check_usage(void)
{
	struct rusage usage;
	struct tms tms;
	struct sysinfo info;
	for (volatile unsigned long i = 0; i < 30000000; i++)
		;
	CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
	CHECK(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec >
	      1000);
	CHECK(usage.ru_maxrss > 0);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &usage), 0);
	CHECK_EQ(usage.ru_utime.tv_sec, 0);
	CHECK_ERROR(getrusage(55, &usage), EINVAL);
	CHECK(times(&tms) != (clock_t)-1);
	CHECK_EQ(tms.tms_cutime, 0);
	CHECK_EQ(sysinfo(&info), 0);
	CHECK(info.totalram > 0 && info.freeram <= info.totalram && info.mem_unit >= 1 &&
	      info.procs >= 1);
}

int main(void)
{
	check_uname();
	check_ids();
	check_prctl();
	check_scheduling();
	check_usage();
	return check_done("identity");
}
