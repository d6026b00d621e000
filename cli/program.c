/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the program's file, on the host or within a root directory, and checks it. */
#include "program.h"

#include "elf_check.h"
#include "path.h"
#include "report.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a name without a slash is looked for in a rootfs, as a shell in it would. */
static const char *const rootfs_directories[] = {
	"", "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin",
};

static int refuse(const char *name, int err)
{
	report("%s: %s", name, strerror(err));
	return -err;
}

static int find_on_host(struct program *p, const char *name)
{
	char *found = NULL;

	p->host_path = realpath(name, NULL);
	if (!p->host_path && errno == ENOENT && !strchr(name, '/')) {
		found = path_find_command(name);
		p->host_path = found ? realpath(found, NULL) : NULL;
		free(found);
	}
	if (!p->host_path)
		return refuse(name, errno);
	p->guest_path = format_string("%s", p->host_path);
	return 0;
}

/* Whether `guest` exists in the rootfs; sets the paths if so. */
static bool try_in_rootfs(struct program *p, const char *rootfs, char *guest)
{
	char *resolved = path_in_root(rootfs, guest);
	char *host = resolved ? format_string("%s%s", rootfs, resolved) : NULL;
	int err = errno;

	free(resolved);
	if (!host || access(host, F_OK)) {
		if (host)
			err = errno;
		free(host);
		free(guest);
		errno = err;
		return false;
	}
	p->host_path = host;
	p->guest_path = guest;
	return true;
}

static int find_in_rootfs(struct program *p, const char *name, const char *rootfs)
{
	struct stat st;

	if (stat(rootfs, &st))
		return refuse(rootfs, errno);
	if (!S_ISDIR(st.st_mode))
		return refuse(rootfs, ENOTDIR);
	if (strchr(name, '/')) {
		if (try_in_rootfs(p, rootfs, path_normalise("/", name)))
			return 0;
	} else {
		for (size_t i = 0; i < countof(rootfs_directories); i++) {
			if (try_in_rootfs(p, rootfs, path_normalise(rootfs_directories[i], name)))
				return 0;
		}
	}
	int err = errno;
	report("%s: %s in the root directory %s", name, strerror(err), rootfs);
	return -err;
}

static int check_content(struct program *p, const char *name, int fd)
{
	struct elf_facts facts;
	size_t bytes = p->file_bytes;
	void *file = bytes ? mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;

	if (file == MAP_FAILED)
		return refuse(name, errno);
	int err = elf_check(file, bytes, &facts);
	if (file)
		munmap(file, bytes);
	if (err)
		report("%s: %s", name, facts.why);
	p->writable_bytes = facts.writable_bytes;
	return err;
}

static int check_file(struct program *p, const char *name, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return refuse(name, errno);
	if (S_ISDIR(st.st_mode))
		return refuse(name, EISDIR);
	if (!S_ISREG(st.st_mode)) {
		report("%s: not a regular file", name);
		return -EINVAL;
	}
	p->file_bytes = (uint64_t)st.st_size;
	int err = check_content(p, name, fd);
	if (err)
		return err;
	if (!(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH))) {
		report("%s: not marked executable (chmod +x makes it so)", name);
		return -EACCES;
	}
	return 0;
}

int program_find(struct program *p, const char *name, const char *rootfs)
{
	*p = (struct program){ 0 };
	int err = rootfs ? find_in_rootfs(p, name, rootfs) : find_on_host(p, name);
	if (err)
		return err;
	/* Not to block on a FIFO before it is seen to be none. */
	int fd = open(p->host_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return refuse(name, errno);
	err = check_file(p, name, fd);
	close(fd);
	return err;
}

void program_free(struct program *p)
{
	free(p->host_path);
	free(p->guest_path);
}
