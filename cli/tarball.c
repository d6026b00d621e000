/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Archives by way of libarchive. It is loaded when it is needed: what it is linked with takes longer to load than the rest of
 * the command takes to run.
 */
#include "tarball.h"

#include "report.h"
#include "signals.h"
#include "text.h"

#include <base/bits.h>

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LIBRARY "libarchive.so.13"
enum { READ_BYTES = 1 << 20 };

/* The library's functions, by their own names. */
#define FUNCTIONS(each)                        \
	each(archive_read_new);                \
	each(archive_read_free);               \
	each(archive_read_support_filter_all); \
	each(archive_read_support_format_tar); \
	each(archive_read_open_filename);      \
	each(archive_read_next_header);        \
	each(archive_read_data_block);         \
	each(archive_error_string);            \
	each(archive_entry_pathname);          \
	each(archive_entry_hardlink);          \
	each(archive_entry_symlink);           \
	each(archive_entry_mode);              \
	each(archive_entry_uid);               \
	each(archive_entry_gid);               \
	each(archive_entry_size);              \
	each(archive_entry_mtime);             \
	each(archive_entry_mtime_nsec);        \
	each(archive_entry_rdevmajor);         \
	each(archive_entry_rdevminor)

struct functions {
#define DECLARE(name) __typeof__(name) *name
	FUNCTIONS(DECLARE);
};

struct tarball {
	struct functions f;
	void *library;
	struct archive *archive;
	struct root *root;
	const char *path;
	uint64_t spooled;
	bool any; /* an entry was read */
};

static int load(struct tarball *t)
{
	t->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	bool complete = t->library;
#define FIND(name) complete = complete && (t->f.name = dlsym(t->library, #name))
	FUNCTIONS(FIND);
	if (complete)
		return 0;
	report("%s: an archive, to read which takes " LIBRARY "; install the package libarchive13",
	       t->path);
	return -ENOENT;
}

/* A file without a name, gone when it is closed. */
static int open_spool(void)
{
	const char *told = getenv("TMPDIR");
	const char *directory = told && told[0] ? told : "/tmp";
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) { /* not every file system can */
		char *name = format_string("%s/capuchin-XXXXXX", directory);

		fd = mkostemp(name, O_CLOEXEC);
		if (fd >= 0)
			unlink(name);
		free(name);
	}
	if (fd >= 0)
		return fd;
	int err = errno;
	report("%s: %s", directory, strerror(err));
	return -err;
}

static int refuse_entry(const struct tarball *t, const char *name, const char *why, int err)
{
	report("%s: %s: %s", t->path, name, why);
	return err;
}

static int refuse_archive(const struct tarball *t)
{
	const char *why = t->f.archive_error_string(t->archive);

	report("%s: %s%s", t->path, t->any ? "" : "neither a directory nor a tar archive: ",
	       why ? why : "cannot be read");
	return -EINVAL;
}

/* Whether one of the name's components is "..": nobody packs that in good faith. */
static bool leads_up(const char *name)
{
	while (*name) {
		size_t bytes = strcspn(name, "/");

		if (bytes == 2 && !memcmp(name, "..", 2))
			return true;
		name += bytes + (name[bytes] == '/');
	}
	return false;
}

/* --- contents ------------------------------------------------------------------------------------ */

static int write_spool(const struct tarball *t, const void *data, size_t bytes, uint64_t at)
{
	while (bytes) {
		ssize_t written = pwrite(t->root->tree.spool, data, bytes, (off_t)at);

		if (written < 0 && errno != EINTR)
			return refuse_entry(t, "spool", strerror(errno), -errno);
		if (written > 0) {
			data = (const char *)data + written;
			bytes -= (size_t)written;
			at += (size_t)written;
		}
	}
	return 0;
}

/* Blocks come in order; between them may be holes. */
static int read_content(struct tarball *t, struct node *node)
{
	const void *data;
	size_t bytes;
	la_int64_t offset;

	node->source = SOURCE_SPOOL;
	node->spool_offset = t->spooled;
	for (;;) {
		int result = t->f.archive_read_data_block(t->archive, &data, &bytes, &offset);

		if (result == ARCHIVE_EOF)
			break;
		if (result < ARCHIVE_WARN || offset < 0 ||
		    !range_fits((uint64_t)offset, bytes, node->size))
			return refuse_archive(t);
		if (signals_ending())
			return -EINTR;
		int err = write_spool(t, data, bytes, t->spooled + (uint64_t)offset);
		if (err)
			return err;
	}
	if (add_overflows(t->spooled, align_up(node->size, PAGE_SIZE), &t->spooled) ||
	    ftruncate(t->root->tree.spool, (off_t)t->spooled))
		return refuse_entry(t, "spool", strerror(errno), -EFBIG);
	return 0;
}

/* --- entries ------------------------------------------------------------------------------------- */

/* The node that another name stands for; never a directory, since loops would come of it. */
static int find_linked(struct tarball *t, const char *name, const char *target, struct node **out)
{
	struct place place;
	char *guest = format_string("/%s", target);
	int err = leads_up(target) ? -ENOENT : root_locate(t->root, guest, FOLLOW_BUT_LAST, &place);

	free(guest);
	if (!err) {
		*out = place.present;
		free(place.name);
	}
	if (!err && *out && !S_ISDIR((*out)->mode))
		return 0;
	report("%s: %s: left out: a link to %s, which is no file here", t->path, name, target);
	*out = NULL;
	return 0;
}

static int make_node(struct tarball *t, struct archive_entry *entry, struct node **out)
{
	struct tree *tree = &t->root->tree;
	mode_t mode = t->f.archive_entry_mode(entry);
	const char *target = S_ISLNK(mode) ? t->f.archive_entry_symlink(entry) : NULL;
	la_int64_t size = t->f.archive_entry_size(entry);

	struct node *node = target ? tree_new_link(tree, target) : tree_new(tree, mode);
	node->uid = (uid_t)t->f.archive_entry_uid(entry);
	node->gid = (gid_t)t->f.archive_entry_gid(entry);
	node->mtime.tv_sec = t->f.archive_entry_mtime(entry);
	node->mtime.tv_nsec = t->f.archive_entry_mtime_nsec(entry);
	*out = node;
	if (S_ISCHR(mode) || S_ISBLK(mode))
		node->device = makedev((unsigned)t->f.archive_entry_rdevmajor(entry),
				       (unsigned)t->f.archive_entry_rdevminor(entry));
	if (!S_ISREG(mode) || size <= 0)
		return 0;
	node->size = (uint64_t)size;
	return read_content(t, node);
}

/* A directory that is there, also by way of a link, takes on what the archive says of it. */
static void enter_directory(struct place *place, struct node *node)
{
	struct node *there = place->present;

	if (!there) {
		tree_enter(place->dir, place->name, strlen(place->name), node);
		return;
	}
	there->mode = node->mode;
	there->uid = node->uid;
	there->gid = node->gid;
	there->mtime = node->mtime;
}

static int enter_node(struct tarball *t, const char *name, struct node *node)
{
	struct place place;
	char *guest = format_string("/%s", name);
	bool directory = S_ISDIR(node->mode);
	int err = root_locate(t->root, guest, directory ? FOLLOW_LAST : FOLLOW_BUT_LAST, &place);

	free(guest);
	if (err)
		return refuse_entry(t, name, strerror(-err), err);
	bool was_directory = place.present && S_ISDIR(place.present->mode);
	if (place.present == node)
		; /* a link to itself */
	else if (directory && (was_directory || !place.present))
		enter_directory(&place, node);
	else if (was_directory)
		err = refuse_entry(t, name, strerror(EISDIR), -EISDIR);
	else
		tree_enter(place.dir, place.name, strlen(place.name), node);
	free(place.name);
	return err;
}

static int add_entry(struct tarball *t, struct archive_entry *entry)
{
	const char *name = t->f.archive_entry_pathname(entry);
	struct node *node = NULL;
	int err;

	if (!name)
		return refuse_entry(t, "?", "a name that cannot be read", -EILSEQ);
	if (leads_up(name)) {
		report("%s: %s: left out, since it leads out of the root directory", t->path, name);
		return 0;
	}
	const char *linked = t->f.archive_entry_hardlink(entry);
	mode_t type = t->f.archive_entry_mode(entry) & S_IFMT;
	if (linked)
		err = find_linked(t, name, linked, &node);
	else if (type == S_IFSOCK || !type)
		return 0;
	else
		err = make_node(t, entry, &node);
	return err || !node ? err : enter_node(t, name, node);
}

static int add_entries(struct tarball *t)
{
	struct archive_entry *entry;
	int err = 0;

	while (!err) {
		int result = t->f.archive_read_next_header(t->archive, &entry);

		if (result == ARCHIVE_EOF)
			break;
		if (signals_ending())
			return -EINTR;
		err = result < ARCHIVE_WARN ? refuse_archive(t) : add_entry(t, entry);
		t->any = true;
	}
	return err;
}

int tarball_add(struct root *r, const char *path)
{
	struct tarball t = { .root = r, .path = path };
	int err = load(&t);

	if (err)
		return err;
	r->tree.spool = open_spool();
	if (r->tree.spool < 0)
		return r->tree.spool;
	/* Names are bytes; without this the library would want them to be ASCII. */
	setlocale(LC_CTYPE, "C.UTF-8");
	t.archive = t.f.archive_read_new();
	if (!t.archive)
		report_out_of_memory();
	t.f.archive_read_support_filter_all(t.archive);
	t.f.archive_read_support_format_tar(t.archive);
	if (t.f.archive_read_open_filename(t.archive, path, READ_BYTES) == ARCHIVE_OK)
		err = add_entries(&t);
	else
		err = refuse_archive(&t);
	t.f.archive_read_free(t.archive);
	return err;
}
