/* SPDX-License-Identifier: BSD-3-Clause */
/* /proc as programs read it: exe, maps, fd, stat, status, cmdline, environ, and the machine's files. */
#include "check.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

static char text[1 << 20];

static size_t load(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t total = 0;
	CHECK(fd >= 0);
	for (ssize_t got; fd >= 0 && (got = read(fd, text + total, 1000)) > 0;) /* in pieces */
		total += (size_t)got;
	text[total] = 0;
	close(fd);
	return total;
}

/* A map's line whose range holds the address. */
static bool map_has(uintptr_t address, const char *rights, const char *name)
{
	load("/proc/self/maps");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long start, end, offset, inode;
		char found[8] = "", device[16] = "";
		int at = 0;
		if (sscanf(line, "%lx-%lx %4s %lx %5s %lu %n", &start, &end, found, &offset, device,
			   &inode, &at) < 6)
			return false;
		if (address < start || address >= end)
			continue;
		return strcmp(found, rights) == 0 && (name == NULL || strcmp(line + at, name) == 0);
	}
	return false;
}

static void check_exe(char *program)
{
	char target[PATH_MAX] = "", magic[4];
	ssize_t length = readlink("/proc/self/exe", target, sizeof(target) - 1);
	CHECK(length > 0);
	CHECK_EQ(target[0], '/');
	CHECK(strcmp(check_base_name(target), check_base_name(program)) == 0);
	int fd = open("/proc/self/exe", O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, magic, 4), 4);
	CHECK(memcmp(magic, "\177ELF", 4) == 0);
	struct stat status, same;
	CHECK_EQ(fstat(fd, &status), 0);
	CHECK_EQ(stat(target, &same), 0);
	CHECK(status.st_ino == same.st_ino);
	close(fd);
	static char name[PATH_MAX];
	strcpy(name, target);
	CHECK(map_has((uintptr_t)check_exe, "r-xp", name));
}

static void check_maps(void)
{
	static char data[4096];
	int local;
	uintptr_t end_of_data = (uintptr_t)syscall(SYS_brk, 0);
	CHECK_EQ(syscall(SYS_brk, end_of_data + 4096) - (long)end_of_data, 4096);
	volatile char *heap = (volatile char *)end_of_data;
	data[0] = heap[0];
	CHECK(map_has((uintptr_t)&local, "rw-p", "[stack]"));
	CHECK(map_has((uintptr_t)heap, "rw-p", "[heap]"));
	CHECK(map_has((uintptr_t)data, "rw-p", NULL));
	CHECK(map_has((uintptr_t) "literal", "r--p", NULL) ||
	      map_has((uintptr_t) "literal", "r-xp", NULL));
	load("/proc/self/maps");
	CHECK(strstr(text, "[vdso]") != NULL);
	unsigned long previous = 0, start, end, bad = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		CHECK(sscanf(line, "%lx-%lx", &start, &end) == 2);
		bad += start < previous || end <= start || strstr(line, "rwx") != NULL;
		previous = end;
	}
	CHECK_EQ(bad, 0);
}

static void check_fd(void)
{
	char target[PATH_MAX] = "", here[PATH_MAX], want[PATH_MAX + 32];
	int fd = open("data/hello.txt", O_RDONLY);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(readlink(path, target, sizeof(target) - 1) > 0);
	CHECK(getcwd(here, sizeof(here)) != NULL);
	snprintf(want, sizeof(want), "%s/data/hello.txt", strcmp(here, "/") == 0 ? "" : here);
	CHECK(strcmp(target, want) == 0);
	int again = open(path, O_RDONLY);
	CHECK(again >= 0);
	char byte;
	CHECK_EQ(read(again, &byte, 1), 1);
	CHECK_EQ(byte, 'H');
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	close(again);
	DIR *directory = opendir("/proc/self/fd");
	CHECK(directory != NULL);
	bool found = false, found_zero = false;
	for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
		found |= atoi(entry->d_name) == fd;
		found_zero |= strcmp(entry->d_name, "0") == 0;
	}
	CHECK(found && found_zero);
	close(fd);
	CHECK_ERROR(readlink(path, target, sizeof(target)), ENOENT);
	CHECK_ERROR(readlink("/proc/self/fd/x", target, sizeof(target)), ENOENT);
}

static void check_process(int argc, char **argv)
{
	size_t bytes = load("/proc/self/cmdline"), want = 0;
	for (int i = 0; i < argc; i++) {
		CHECK(strcmp(text + want, argv[i]) == 0);
		want += strlen(argv[i]) + 1;
	}
	CHECK_EQ(bytes, want);
	bytes = load("/proc/self/environ");
	bool found = false;
	for (size_t at = 0; at < bytes; at += strlen(text + at) + 1)
		found |= strcmp(text + at, "T_PROC=yes") == 0;
	CHECK(found);
	int pid = -1, parent = -1;
	char name[64] = "", state = 0;
	load("/proc/self/stat");
	CHECK_EQ(sscanf(text, "%d (%63[^)]) %c %d", &pid, name, &state, &parent), 4);
	CHECK_EQ(pid, getpid());
	CHECK_EQ(parent, getppid());
	CHECK_EQ(state, 'R');
	CHECK(strcmp(name, check_base_name(argv[0])) == 0);
	unsigned fields = 1;
	for (char *at = strchr(text, ')'); at && (at = strchr(at + 1, ' '));)
		fields++;
	CHECK_EQ(fields, 51); /* of the 52, all but the first */
	load("/proc/self/status");
	char *line = strstr(text, "\nPid:\t");
	CHECK(line && atoi(line + 6) == getpid());
	CHECK(strncmp(text, "Name:\t", 6) == 0);
	line = strstr(text, "\nVmRSS:");
	CHECK(line && atol(line + 7) > 0 && atol(line + 7) < 100000);
	line = strstr(text, "\nThreads:\t");
	CHECK(line && atoi(line + 10) == 1);
	load("/proc/self/statm");
	unsigned long total = 0, resident = 0;
	CHECK_EQ(sscanf(text, "%lu %lu", &total, &resident), 2);
	CHECK(total >= resident && resident > 0);
}

static void check_machine(void)
{
	struct sysinfo info;
	CHECK_EQ(sysinfo(&info), 0);
	load("/proc/meminfo");
	char *line = strstr(text, "MemTotal:");
	CHECK(line && atol(line + 9) == (long)(info.totalram * info.mem_unit / 1024));
	line = strstr(text, "MemFree:");
	CHECK(line && atol(line + 8) > 0);
	CHECK(strstr(text, "MemAvailable:") != NULL);
	load("/proc/cpuinfo");
	unsigned processors = 0;
	for (char *at = text; (at = strstr(at, "processor\t:")) != NULL; at++)
		processors++;
	CHECK_EQ(processors, get_nprocs());
	CHECK(strstr(text, "flags\t\t:") != NULL);
	double up = 0;
	load("/proc/uptime");
	CHECK_EQ(sscanf(text, "%lf", &up), 1);
	CHECK(up > 0 && up < 1e9);
	load("/proc/version");
	CHECK(strncmp(text, "Linux version ", 14) == 0);
	load("/proc/stat");
	CHECK(strncmp(text, "cpu ", 4) == 0);
	load("/proc/loadavg");
	CHECK(isdigit((unsigned char)text[0]));
	load("/proc/filesystems");
	CHECK(strstr(text, "proc") != NULL);
	load("/proc/self/mounts");
	/* Not "/": on a host, in a chroot, it is no mount. */
	CHECK(strstr(text, " /proc ") != NULL);
	load("/proc/sys/kernel/osrelease");
	CHECK(isdigit((unsigned char)text[0]));
	CHECK(load("/proc/cmdline") > 0);
}

static void check_tree(void)
{
	char path[64], target[64] = "", want[32];
	struct stat status;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)getpid());
	CHECK_EQ(stat(path, &status), 0);
	CHECK(S_ISREG(status.st_mode));
	snprintf(want, sizeof(want), "%d", (int)getpid());
	CHECK_EQ(readlink("/proc/self", target, sizeof(target)), strlen(want));
	CHECK(strncmp(target, want, strlen(want)) == 0);
	CHECK_ERROR(open("/proc/absent", O_RDONLY), ENOENT);
	CHECK_ERROR(open("/proc/2000000000/stat", O_RDONLY), ENOENT);
	int fd = open("/proc/version", O_RDONLY);
	char first[4], again[4];
	CHECK_EQ(read(fd, first, 4), 4);
	CHECK_EQ(pread(fd, again, 4, 0), 4);
	CHECK(memcmp(first, again, 4) == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read(fd, again, 4), 4);
	CHECK(memcmp(first, again, 4) == 0);
	close(fd);
	char here[PATH_MAX], cwd[PATH_MAX] = "";
	CHECK(getcwd(here, sizeof(here)) != NULL);
	CHECK(readlink("/proc/self/cwd", cwd, sizeof(cwd) - 1) > 0);
	CHECK(strcmp(here, cwd) == 0);
}

int main(int argc, char **argv)
{
	check_exe(argv[0]);
	check_maps();
	check_fd();
	check_process(argc, argv);
	check_machine();
	check_tree();
	return check_done("proc");
}
