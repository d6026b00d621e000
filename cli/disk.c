/* SPDX-License-Identifier: BSD-3-Clause */
/* Disks, from words to QEMU's. */
#include "disk.h"

#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool take_word(struct disk *d, const char *word)
{
	if (!strcmp(word, "ro"))
		d->read_only = true;
	else if (!strcmp(word, "format=raw"))
		d->format = DISK_RAW;
	else if (!strcmp(word, "format=qcow2"))
		d->format = DISK_QCOW2;
	else
		return false;
	return true;
}

/* From the end, since a file's name may have commas. */
bool disk_read(struct disk *d, const char *word)
{
	char *comma;

	*d = (struct disk){ .path = format_string("%s", word) };
	while ((comma = strrchr(d->path, ',')) && take_word(d, comma + 1))
		*comma = '\0';
	return d->path[0] && !(comma && !strncmp(comma, ",format=", 8));
}

void disk_free(struct disk *d)
{
	free(d->path);
}

static int refuse(const char *path, int err)
{
	report("%s: %s", path, strerror(err));
	return -err;
}

/* QEMU would guess too, and take a raw disk for something else once its machine has written the right first bytes. */
static int settle_format(struct disk *d, int fd)
{
	static const char magic[] = { 'Q', 'F', 'I', (char)0xfb };
	char begin[sizeof magic];
	bool qcow2 = pread(fd, begin, sizeof begin, 0) == sizeof begin &&
		     !memcmp(begin, magic, sizeof magic);

	if (d->format == DISK_QCOW2 && !qcow2) {
		report("%s: not a qcow2 image", d->path);
		return -EINVAL;
	}
	if (d->format == DISK_UNKNOWN && qcow2) {
		report("%s: looks like qcow2; append ,format=qcow2 or ,format=raw", d->path);
		return -EINVAL;
	}
	if (d->format == DISK_UNKNOWN)
		d->format = DISK_RAW;
	return 0;
}

int disk_check(struct disk *d)
{
	struct stat st;
	int fd = open(d->path, (d->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return refuse(d->path, errno);
	int err = fstat(fd, &st) ? refuse(d->path, errno) : 0;
	if (!err && S_ISDIR(st.st_mode))
		err = refuse(d->path, EISDIR);
	if (!err && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		report("%s: neither a regular file nor a block device", d->path);
		err = -EINVAL;
	}
	if (!err)
		err = settle_format(d, fd);
	close(fd);
	return err;
}

void disk_add_argv(const struct disk *d, struct strings *argv, const char *device, unsigned number)
{
	struct text node = { 0 };

	text_printf(&node,
		    "driver=%s,node-name=disk%u,read-only=%s,discard=unmap,file.driver=file,"
		    "file.filename=",
		    d->format == DISK_QCOW2 ? "qcow2" : "raw", number, d->read_only ? "on" : "off");
	text_append_qemu(&node, d->path);
	strings_add(argv, "-blockdev");
	strings_add(argv, node.data);
	strings_add(argv, "-device");
	strings_printf(argv, "%s,drive=disk%u", device, number);
	text_free(&node);
}

void disk_add_root_argv(struct strings *argv, const char *device, int fd)
{
	strings_add(argv, "-blockdev");
	strings_printf(argv,
		       "driver=raw,node-name=root,read-only=on,file.driver=file,file.locking=off,"
		       "file.filename=/proc/self/fd/%d",
		       fd);
	strings_add(argv, "-device");
	strings_printf(argv, "%s,drive=root", device);
}
