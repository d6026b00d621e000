/* SPDX-License-Identifier: BSD-3-Clause */
/* Disks, from words to QEMU's. */
#include "disk.h"

#include "report.h"

#include <base/bits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR_BYTES = 512 };

/* A number above 0; a suffix K, M or G multiplies by powers of 1024. */
static bool read_limit(const char *word, uint64_t *out)
{
	static const char suffixes[] = "KMG";
	char *end;

	errno = 0;
	*out = *word >= '1' && *word <= '9' ? strtoull(word, &end, 10) : 0;
	if (!*out || errno)
		return false;
	if (!*end)
		return true;
	const char *suffix = strchr(suffixes, *end);
	return suffix && !end[1] &&
	       !mul_overflows(*out, BIT64(10 * (unsigned)(suffix - suffixes + 1)), out);
}

static bool take_word(struct disk *d, const char *word)
{
	if (!strncmp(word, "bps=", 4))
		return read_limit(word + 4, &d->bytes_per_second);
	if (!strncmp(word, "iops=", 5))
		return read_limit(word + 5, &d->operations_per_second);
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
	return d->path[0] &&
	       !(comma && (!strncmp(comma, ",format=", 8) || !strncmp(comma, ",bps=", 5) ||
			   !strncmp(comma, ",iops=", 6)));
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

/* VMMs round it up, or down to nothing, each in its way. */
static int check_size(const struct disk *d, int fd)
{
	off_t bytes = lseek(fd, 0, SEEK_END);

	if (bytes < 0)
		return refuse(d->path, errno);
	if (bytes && !(bytes % SECTOR_BYTES))
		return 0;
	report("%s: %lld bytes, and a disk has one or more sectors of %d", d->path,
	       (long long)bytes, SECTOR_BYTES);
	return -EINVAL;
}

static int check_file(struct disk *d)
{
	struct stat st = { 0 };
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
	if (!err && d->format == DISK_RAW)
		err = check_size(d, fd);
	close(fd);
	d->device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	d->inode = S_ISBLK(st.st_mode) ? 0 : st.st_ino;
	return err;
}

/* Two that only read are well; one that writes behind another's back destroys what that one keeps in memory. */
static bool is_in_the_way(const struct disk *d, const struct disk *other)
{
	return d->device == other->device && d->inode == other->inode &&
	       !(d->read_only && other->read_only);
}

int disks_check(struct disk *disks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int err = check_file(&disks[i]);

		if (err)
			return err;
		for (size_t k = 0; k < i; k++) {
			if (!is_in_the_way(&disks[i], &disks[k]))
				continue;
			report("%s: is two disks, of which one may be written (see ,ro)",
			       disks[i].path);
			return -EBUSY;
		}
	}
	return 0;
}

/* QEMU puts limits into a node of their own, above the format's. */
static void add_limits(const struct disk *d, struct strings *argv, struct text *node,
		       unsigned number)
{
	strings_add(argv, "-object");
	strings_printf(argv, "throttle-group,id=limits%u,x-bps-total=%llu,x-iops-total=%llu",
		       number, (unsigned long long)d->bytes_per_second,
		       (unsigned long long)d->operations_per_second);
	text_printf(node, "driver=throttle,node-name=disk%u,throttle-group=limits%u,", number,
		    number);
}

void disk_add_argv(const struct disk *d, struct strings *argv, const char *device, unsigned number)
{
	struct text node = { 0 };
	const char *format = d->format == DISK_QCOW2 ? "qcow2" : "raw";
	const char *below = "";

	if (d->bytes_per_second || d->operations_per_second) {
		add_limits(d, argv, &node, number);
		below = "file.";
	} else {
		text_printf(&node, "node-name=disk%u,", number);
	}
	text_printf(&node, "read-only=%s,discard=unmap,%sdriver=%s,", d->read_only ? "on" : "off",
		    below, format);
	text_printf(&node, "%sfile.driver=file,%sfile.filename=", below, below);
	text_append_qemu(&node, d->path);
	strings_add(argv, "-blockdev");
	strings_add(argv, node.data);
	strings_add(argv, "-device");
	strings_printf(argv, "%s,drive=disk%u", device, number);
	text_free(&node);
}

void disk_add_root_argv(struct strings *argv, const char *device, const char *file)
{
	strings_add(argv, "-blockdev");
	strings_printf(argv,
		       "driver=raw,node-name=root,read-only=on,file.driver=file,file.locking=off,"
		       "file.filename=%s",
		       file);
	strings_add(argv, "-device");
	strings_printf(argv, "%s,drive=root", device);
}
