/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of /etc that programs look for (getpwnam(3), getaddrinfo(3)), supplied where the image has none. One is made in the writable
 * layer when it is looked for and not found, so it costs nothing before, and then it is a file like any other.
 * Under the root file system's lock.
 */
#include "supply.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <fs/file.h>
#include <fs/uio.h>
#include <mm/alloc.h>

enum { MODE_DIRECTORY = 0755, MODE_FILE = 0644 };

struct supply {
	const char *name; /* below /etc */
	const char *usual;
	char *text; /* [owned] instead of the usual one; NULL: none was given */
	size_t bytes;
	bool made; /* it has been there, and may have been removed since */
};

/* One per machine, as the root is. resolv.conf is for whoever sets the network up. */
#define SUPPLY(name_, text_)                  \
	{                                     \
		.name = name_, .usual = text_ \
	}
static struct supply supplies[] = {
	SUPPLY("passwd", "root:x:0:0:root:/root:/bin/sh\n"
			 "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
			 "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
			 "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
	SUPPLY("group", "root:x:0:\ndaemon:x:1:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n"),
	SUPPLY("hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"),
	SUPPLY("nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
				"networks: files\nprotocols: files\nservices: files\n"),
	SUPPLY("resolv.conf", ""),
};

static struct supply *find(const char *name, size_t length)
{
	for (size_t i = 0; i < countof(supplies); i++)
		if (!strncmp(supplies[i].name, name, length) && !supplies[i].name[length])
			return &supplies[i];
	return NULL;
}

static bool is_etc(const char *name, size_t length)
{
	return length == 3 && !memcmp(name, "etc", 3);
}

static int fill(struct inode *inode, const struct supply *supply)
{
	const char *text = supply->text ? supply->text : supply->usual;
	size_t bytes = supply->text ? supply->bytes : strlen(supply->usual);
	struct uio_segment segment;
	struct file *file;
	struct uio uio;
	int error = file_open_inode(inode, O_WRONLY, &file);

	if (error)
		return error;
	error = file_truncate(file, 0);
	uio_init_kernel(&uio, &segment, (void *)text, bytes);
	ssize_t count = error || !bytes ? error : file_write(file, &uio);
	file_put(file);
	return count < 0 ? (int)count : 0;
}

static bool make(struct inode *etc, struct supply *supply)
{
	struct inode *inode;

	if (supply->made)
		return false;
	supply->made = true;
	if (etc->ops->create(etc, supply->name, strlen(supply->name), S_IFREG | MODE_FILE, 0,
			     &inode))
		return false;
	bool filled = !fill(inode, supply);
	inode_put(inode);
	return filled;
}

static void make_all(struct inode *etc)
{
	struct inode *inode;

	for (size_t i = 0; i < countof(supplies); i++)
		if (!supplies[i].made &&
		    !etc->ops->lookup(etc, supplies[i].name, strlen(supplies[i].name), &inode))
			inode_put(inode);
}

static bool make_etc(struct inode *top)
{
	struct inode *etc;

	if (top->ops->create(top, "etc", 3, S_IFDIR | MODE_DIRECTORY, 0, &etc))
		return false;
	inode_put(etc);
	return true;
}

bool supply_missing(struct inode *dir, const char *name, size_t length)
{
	bool top = dir == dir->fs->root;
	struct supply *supply;

	if (top)
		return name && is_etc(name, length) && make_etc(dir);
	if (dir->parent != dir->fs->root || !dir->name || !is_etc(dir->name, dir->name_bytes))
		return false;
	if (!name) {
		make_all(dir);
		return false;
	}
	supply = find(name, length);
	return supply && make(dir, supply);
}

int supply_set(const char *name, const char *text, size_t bytes)
{
	struct supply *supply = find(name, strlen(name));
	char *copy = mem_alloc(bytes + 1);

	if (!supply || !copy) {
		mem_free(copy);
		return supply ? -ENOMEM : -EINVAL;
	}
	memcpy(copy, text, bytes);
	mem_free(supply->text);
	supply->text = copy;
	supply->bytes = bytes;
	return 0;
}

int supply_renew(struct inode *etc, const char *name)
{
	const struct supply *supply = find(name, strlen(name));
	struct inode *inode;
	int error;

	if (!supply || !supply->made)
		return 0;
	error = etc->ops->lookup(etc, name, strlen(name), &inode);
	if (error)
		return error == -ENOENT ? 0 : error; /* the program has removed it */
	error = (inode->mode & S_IFMT) == S_IFREG ? fill(inode, supply) : 0;
	inode_put(inode);
	return error;
}

void supply_reset(void)
{
	for (size_t i = 0; i < countof(supplies); i++) {
		mem_free(supplies[i].text);
		supplies[i].text = NULL;
		supplies[i].made = false;
	}
}
