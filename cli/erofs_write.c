/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The writer of images. First every node gets its place: superblock, inodes with what is short enough to lie behind them,
 * then, from a block's beginning, everything else. Then all is written: a directory's entries name places of others.
 */
#include "erofs_write.h"

#include "report.h"
#include "signals.h"
#include "text.h"

#include <base/bits.h>
#include <lib/erofs_format.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
	BLOCK_BITS = 12,
	BLOCK_BYTES = 1 << BLOCK_BITS,
	INODE_BYTES = sizeof(struct erofs_inode_extended),
	DIRENT_BYTES = sizeof(struct erofs_dirent_disk),
	FIRST_INODE = EROFS_SUPER_OFFSET + sizeof(struct erofs_super_block),
	/* A file's last bytes lie behind its inode if that saves most of a page: they have to be copied to be mapped. */
	FILE_TAIL_MAX = 1024,
	TAIL_MAX = BLOCK_BYTES - INODE_BYTES,
	HOLES_BYTES_MIN = 1 << 20,
	COPY_BYTES = 8 << 20, /* at once, between two looks at the signals */
};
static_assert(FIRST_INODE % (1 << EROFS_ISLOTBITS) == 0,
	      "the root's inode comes behind the superblock");

static const uint8_t image_uuid[16] = "capuchIn\x80\0\0\0\0\0\0\1";

struct writer {
	struct tree *tree;
	struct node **nodes; /* in the order of their places */
	size_t count, room;
	uint64_t meta_bytes; /* inodes and tails; then rounded up to blocks */
	uint64_t blocks;     /* of the image */
	char *meta;
	int fd;
};

/* --- directories --------------------------------------------------------------------------------- */

/* The entries of a directory as the image has them: "." and ".." sorted in. To be freed. */
static struct entry *list_entries(const struct node *dir, size_t *count)
{
	const struct entry dots[] = { { (char *)".", (struct node *)dir },
				      { (char *)"..", dir->parent } };
	struct entry *all = malloc((dir->count + 2) * sizeof *all);
	size_t dot = 0, i = 0;

	if (!all)
		report_out_of_memory();
	*count = dir->count + 2;
	for (size_t at = 0; at < *count; at++) {
		bool take_dot = dot < 2 && (i == dir->count ||
					    strcmp(dots[dot].name, dir->entries[i].name) < 0);

		all[at] = take_dot ? dots[dot++] : dir->entries[i++];
	}
	return all;
}

/* How many of the entries fit a block, and the bytes that they take in it. */
static size_t fill_block(const struct entry *entries, size_t count, size_t *bytes)
{
	size_t taken = 0;

	for (*bytes = 0; taken < count; taken++) {
		size_t more = DIRENT_BYTES + strlen(entries[taken].name);

		if (*bytes + more > BLOCK_BYTES)
			break;
		*bytes += more;
	}
	return taken;
}

static uint64_t directory_bytes(const struct node *dir)
{
	size_t count, bytes, taken = 0;
	struct entry *all = list_entries(dir, &count);
	uint64_t total = 0;

	while (taken < count) {
		taken += fill_block(all + taken, count - taken, &bytes);
		total += taken < count ? BLOCK_BYTES : bytes;
	}
	free(all);
	return total;
}

static uint8_t file_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 1;
	case S_IFDIR:
		return 2;
	case S_IFCHR:
		return 3;
	case S_IFBLK:
		return 4;
	case S_IFIFO:
		return 5;
	case S_IFSOCK:
		return 6;
	default:
		return 7;
	}
}

static void put_block(char *block, const struct entry *entries, size_t count)
{
	size_t name_at = count * DIRENT_BYTES;

	for (size_t i = 0; i < count; i++) {
		const struct erofs_dirent_disk disk = {
			.nid = le64(entries[i].node->place >> EROFS_ISLOTBITS),
			.nameoff = le16((uint16_t)name_at),
			.file_type = file_type(entries[i].node->mode),
		};
		size_t bytes = strlen(entries[i].name);

		memcpy(block + i * DIRENT_BYTES, &disk, sizeof disk);
		memcpy(block + name_at, entries[i].name, bytes);
		name_at += bytes;
	}
}

/* The content of a directory, `node->size` bytes, in whole blocks. To be freed. */
static char *make_directory(const struct node *dir)
{
	size_t count, bytes, taken = 0;
	struct entry *all = list_entries(dir, &count);
	char *content = calloc(align_up(dir->size, BLOCK_BYTES), 1);

	if (!content)
		report_out_of_memory();
	for (char *block = content; taken < count; block += BLOCK_BYTES) {
		size_t some = fill_block(all + taken, count - taken, &bytes);

		put_block(block, all + taken, some);
		taken += some;
	}
	free(all);
	return content;
}

/* --- places -------------------------------------------------------------------------------------- */

/* The bytes that lie behind the inode; 0: all is in blocks. */
static size_t tail_bytes(const struct node *node)
{
	size_t tail = node->size & (BLOCK_BYTES - 1);

	return tail <= (S_ISREG(node->mode) ? FILE_TAIL_MAX : TAIL_MAX) ? tail : 0;
}

static uint64_t block_count(const struct node *node)
{
	return (node->size - tail_bytes(node) + BLOCK_BYTES - 1) >> BLOCK_BITS;
}

static void place_node(struct writer *w, struct node *node)
{
	if (S_ISDIR(node->mode))
		node->size = directory_bytes(node);
	uint64_t bytes = INODE_BYTES + tail_bytes(node);
	if ((w->meta_bytes & (BLOCK_BYTES - 1)) + bytes > BLOCK_BYTES)
		w->meta_bytes = align_up(w->meta_bytes, BLOCK_BYTES);
	node->place = w->meta_bytes;
	w->meta_bytes = align_up(w->meta_bytes + bytes, 1 << EROFS_ISLOTBITS);
	if (w->count == w->room) {
		w->room = 2 * w->room + 64;
		w->nodes = realloc(w->nodes, w->room * sizeof *w->nodes);
		if (!w->nodes)
			report_out_of_memory();
	}
	w->nodes[w->count++] = node;
}

/* A node with several names has its place by the second one. */
static void place_below(struct writer *w, struct node *node)
{
	place_node(w, node);
	for (size_t i = 0; i < node->count; i++) {
		if (!node->entries[i].node->place)
			place_below(w, node->entries[i].node);
	}
}

static void place_all(struct writer *w, struct tree *t)
{
	*w = (struct writer){ .tree = t, .meta_bytes = FIRST_INODE, .fd = -1 };
	for (struct node *node = t->nodes; node; node = node->next)
		node->place = 0;
	place_below(w, t->root);
	w->meta_bytes = align_up(w->meta_bytes, BLOCK_BYTES);
	w->blocks = w->meta_bytes >> BLOCK_BITS;
	for (size_t i = 0; i < w->count; i++) {
		w->nodes[i]->block = w->blocks;
		w->blocks += block_count(w->nodes[i]);
	}
}

/* --- contents ------------------------------------------------------------------------------------ */

static int refuse(const char *path, int err)
{
	if (err != EINTR)
		report("%s: %s", path, strerror(err));
	return -err;
}

static int write_at(int fd, const void *data, size_t bytes, uint64_t at)
{
	while (bytes) {
		ssize_t written = pwrite(fd, data, bytes, (off_t)at);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (signals_ending())
			return -EINTR;
		if (written > 0) {
			data = (const char *)data + written;
			bytes -= (size_t)written;
			at += (size_t)written;
		}
	}
	return 0;
}

/* Where sendfile() cannot read a file. */
static int copy_by_hand(int in, uint64_t from, int out, uint64_t at, uint64_t bytes)
{
	char buffer[64 * 1024];

	while (bytes) {
		ssize_t got = pread(in, buffer, min(bytes, sizeof buffer), (off_t)from);

		if (got <= 0)
			return got ? -errno : -ENODATA;
		int err = write_at(out, buffer, (size_t)got, at);
		if (err)
			return err;
		from += (size_t)got;
		at += (size_t)got;
		bytes -= (size_t)got;
	}
	return 0;
}

static int copy_piece(int in, uint64_t from, int out, uint64_t at, uint64_t bytes)
{
	off_t offset = (off_t)from;

	if (lseek(out, (off_t)at, SEEK_SET) < 0)
		return -errno;
	while (bytes) {
		ssize_t sent = sendfile(out, in, &offset, min(bytes, (uint64_t)COPY_BYTES));

		if (signals_ending())
			return -EINTR;
		if (sent < 0 && (errno == EINVAL || errno == ENOSYS))
			return copy_by_hand(in, (uint64_t)offset, out, at, bytes);
		if (sent < 0 && errno != EINTR)
			return -errno;
		if (!sent)
			return -ENODATA;
		if (sent > 0) {
			at += (uint64_t)sent;
			bytes -= (uint64_t)sent;
		}
	}
	return 0;
}

/* The image is all zeroes before: holes of large files are left as they are. */
static int copy_range(int in, uint64_t from, int out, uint64_t at, uint64_t bytes)
{
	uint64_t end = from + bytes;
	int err = 0;

	if (bytes < HOLES_BYTES_MIN)
		return copy_piece(in, from, out, at, bytes);
	if (lseek(in, 0, SEEK_END) < (off_t)end)
		return -ENODATA;
	while (!err && from < end) {
		off_t data = lseek(in, (off_t)from, SEEK_DATA);
		off_t hole = data < 0 ? -1 : lseek(in, data, SEEK_HOLE);

		if (data < 0 && errno == ENXIO)
			break;
		if (hole < 0) /* it knows no holes */
			return copy_piece(in, from, out, at, bytes);
		uint64_t begin = min((uint64_t)data, end);
		uint64_t piece = min((uint64_t)hole, end) - begin;
		err = copy_piece(in, begin, out, at + (begin - from), piece);
		at += begin - from + piece;
		from = begin + piece;
		bytes = end - from;
	}
	return err;
}

/* What lies in blocks, and then the tail. */
static int copy_file(struct writer *w, const struct node *node, int in, uint64_t from)
{
	size_t tail = tail_bytes(node);
	int err = copy_range(in, from, w->fd, node->block << BLOCK_BITS, node->size - tail);

	if (err || !tail)
		return err;
	ssize_t got = pread(in, w->meta + node->place + INODE_BYTES, tail,
			    (off_t)(from + node->size - tail));
	if (got < 0)
		return -errno;
	return (size_t)got == tail ? 0 : -ENODATA;
}

static int write_host_file(struct writer *w, struct node *node)
{
	int fd = open(node->host_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int err = fd < 0 ? -errno : copy_file(w, node, fd, 0);

	if (fd >= 0)
		close(fd);
	if (err && err != -EINTR && node->optional) {
		node->size = 0;
		return 0;
	}
	if (err == -ENODATA)
		report("%s: became shorter while it was read", node->host_path);
	else if (err)
		return refuse(node->host_path, -err);
	return err;
}

static int write_bytes(struct writer *w, const struct node *node, const char *content)
{
	size_t tail = tail_bytes(node);

	memcpy(w->meta + node->place + INODE_BYTES, content + node->size - tail, tail);
	return write_at(w->fd, content, node->size - tail, node->block << BLOCK_BITS);
}

static int write_content(struct writer *w, struct node *node)
{
	int err = 0;

	if (!node->size)
		return 0;
	if (S_ISDIR(node->mode)) {
		char *content = make_directory(node);

		err = write_bytes(w, node, content);
		free(content);
	} else if (node->source == SOURCE_MEMORY) {
		err = write_bytes(w, node, node->bytes);
	} else if (node->source == SOURCE_SPOOL) {
		err = copy_file(w, node, w->tree->spool, node->spool_offset);
	} else {
		return write_host_file(w, node);
	}
	return err ? refuse("the root image", -err) : 0;
}

/* --- inodes -------------------------------------------------------------------------------------- */

/* Linux's new_encode_dev() */
static uint32_t encode_device(dev_t device)
{
	return (minor(device) & 0xff) | (major(device) << 8) | ((minor(device) & ~0xffu) << 12);
}

static uint32_t link_count(const struct node *node)
{
	uint32_t links = 2;

	if (!S_ISDIR(node->mode))
		return node->nlink;
	for (size_t i = 0; i < node->count; i++)
		links += S_ISDIR(node->entries[i].node->mode);
	return links;
}

static void put_inode(struct writer *w, const struct node *node, uint32_t number)
{
	bool device = S_ISCHR(node->mode) || S_ISBLK(node->mode);
	unsigned layout = tail_bytes(node) ? EROFS_INODE_FLAT_INLINE : EROFS_INODE_FLAT_PLAIN;
	const struct erofs_inode_extended disk = {
		.i_format = le16(
			(uint16_t)(EROFS_I_VERSION_EXTENDED | layout << EROFS_I_DATALAYOUT_SHIFT)),
		.i_mode = le16((uint16_t)node->mode),
		.i_size = le64(node->size),
		.i_u = le32(device ? encode_device(node->device) : (uint32_t)node->block),
		.i_ino = le32(number),
		.i_uid = le32(node->uid),
		.i_gid = le32(node->gid),
		.i_mtime = le64((uint64_t)node->mtime.tv_sec),
		.i_mtime_nsec = le32((uint32_t)node->mtime.tv_nsec),
		.i_nlink = le32(link_count(node)),
	};

	memcpy(w->meta + node->place, &disk, sizeof disk);
}

static void put_super_block(struct writer *w)
{
	struct erofs_super_block super = {
		.magic = le32((uint32_t)EROFS_SUPER_MAGIC),
		.blkszbits = BLOCK_BITS,
		.root_nid = le16(FIRST_INODE >> EROFS_ISLOTBITS),
		.inos = le64(w->count),
		.blocks = le32((uint32_t)w->blocks),
	};

	memcpy(super.uuid, image_uuid, sizeof super.uuid);
	memcpy(w->meta + EROFS_SUPER_OFFSET, &super, sizeof super);
}

static int write_all(struct writer *w)
{
	int err = 0;

	if (ftruncate(w->fd, (off_t)(w->blocks << BLOCK_BITS)))
		return refuse("the root image", errno);
	put_super_block(w);
	for (size_t i = 0; !err && i < w->count; i++) {
		err = write_content(w, w->nodes[i]);
		put_inode(w, w->nodes[i], (uint32_t)i + 1);
	}
	if (err)
		return err;
	err = write_at(w->fd, w->meta, w->meta_bytes, 0);
	return err ? refuse("the root image", -err) : 0;
}

int erofs_write(int fd, struct tree *t, uint64_t *bytes)
{
	struct writer w;
	int err;

	place_all(&w, t);
	w.fd = fd;
	*bytes = w.blocks << BLOCK_BITS;
	w.meta = calloc(w.meta_bytes, 1);
	if (!w.meta)
		report_out_of_memory();
	if (w.blocks > UINT32_MAX) {
		report("the root directory is too large for an image");
		err = -EFBIG;
	} else {
		err = write_all(&w);
	}
	free(w.meta);
	free(w.nodes);
	return err;
}

uint64_t erofs_write_estimate(struct tree *t)
{
	struct writer w;

	place_all(&w, t);
	free(w.nodes);
	return w.blocks << BLOCK_BITS;
}
