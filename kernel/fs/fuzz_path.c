/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random calls by path on a file system in memory above a small lower tree, compared with a model that knows nothing of lower
 * trees, page by page copies or whiteouts. Some calls want for memory: they fail as a whole, or are short writes.
 */
#include "test_fs.h"

/* What test_fs.h checks by, without cmocka's frame. */
void _assert_int_equal(const LargestIntegralType a, const LargestIntegralType b,
		       const char *const file, const int line)
{
	_assert_true(a == b, "equal", file, line);
}

void _assert_true(const LargestIntegralType result, const char *const expression,
		  const char *const file, const int line)
{
	if (result)
		return;
	fprintf(stderr, "%s:%d: %s\n", file, line, expression);
	abort();
}

enum { NAMES = 6, DEPTH = 3, NODES = 200, FILE_MAX = 20000, NONE = -1 };

/* The lower tree: "a" (5000 bytes), "b" (a directory with "a", which is the same file, and "c", 12000 bytes, and "d", an
 * empty directory), "e" (empty). */
enum { LOWER_ROOT, LOWER_A, LOWER_B, LOWER_C, LOWER_D, LOWER_E, LOWER_COUNT };
enum { BYTES_A = 5000, BYTES_C = 12000 };

static uint8_t lower_data[3 * 4096 + 2000];

static const struct {
	uint32_t mode, nlink, bytes;
	const char *names;
	uint8_t ids[3];
} lower_nodes[] = {
	[LOWER_ROOT] = { S_IFDIR | 0755, 3, 0, "abe", { LOWER_A, LOWER_B, LOWER_E } },
	[LOWER_A] = { S_IFREG | 0644, 2, BYTES_A, NULL, { 0 } },
	[LOWER_B] = { S_IFDIR | 0755, 3, 0, "acd", { LOWER_A, LOWER_C, LOWER_D } },
	[LOWER_C] = { S_IFREG | 0644, 1, BYTES_C, NULL, { 0 } },
	[LOWER_D] = { S_IFDIR | 0755, 2, 0, "", { 0 } },
	[LOWER_E] = { S_IFREG | 0644, 1, 0, NULL, { 0 } },
};

static int lower_load(const struct lower *lower, uint64_t id, struct inode_attr *out)
{
	(void)lower;
	*out = (struct inode_attr){ .mode = lower_nodes[id].mode,
				    .nlink = lower_nodes[id].nlink,
				    .size = lower_nodes[id].bytes };
	return 0;
}

static int lower_entry(const struct lower *lower, uint64_t dir, uint64_t *position,
		       struct lower_entry *out)
{
	const char *name = lower_nodes[dir].names + *position;

	(void)lower;
	if (*position >= strlen(lower_nodes[dir].names))
		return -ENOENT;
	out->name = name;
	out->length = 1;
	out->id = lower_nodes[dir].ids[(*position)++];
	out->type = lower_nodes[out->id].mode & S_IFMT;
	return 0;
}

static int lower_lookup(const struct lower *lower, uint64_t dir, const char *name, size_t length,
			struct lower_entry *out)
{
	uint64_t position = 0;

	while (!lower_entry(lower, dir, &position, out))
		if (length == 1 && out->name[0] == name[0])
			return 0;
	return -ENOENT;
}

/* In runs of odd lengths, some of which lie on page borders. */
static int lower_map(const struct lower *lower, uint64_t id, uint64_t offset, struct lower_run *out)
{
	uint64_t end = id == LOWER_C ? BYTES_C
				     : min(offset / 3000 * 3000 + 3000, (uint64_t)BYTES_A);

	(void)lower;
	*out = (struct lower_run){ .data = lower_data + offset,
				   .bytes = end - offset,
				   .mappable = id == LOWER_C };
	return 0;
}

static const struct lower_ops lower_ops = {
	.load = lower_load, .lookup = lower_lookup, .entry = lower_entry, .map = lower_map
};
static const struct lower lower = { &lower_ops, LOWER_ROOT, LOWER_COUNT };

/* The model */

static struct model {
	bool used, dir;
	int children[NAMES];
	unsigned nlink; /* of files */
	size_t bytes;
	uint8_t data[FILE_MAX];
} nodes[NODES];

struct place {
	char text[2 * NODES + 3]; /* renames make trees deeper than the calls' own paths */
	unsigned names[DEPTH];
	unsigned depth;
};

static int new_node(bool dir)
{
	for (int i = 0; i < NODES; i++) {
		struct model *node = &nodes[i];

		if (node->used)
			continue;
		node->used = true;
		node->dir = dir;
		node->nlink = 1;
		node->bytes = 0;
		for (int k = 0; k < NAMES; k++)
			node->children[k] = NONE;
		return i;
	}
	return NONE;
}

static int new_file(size_t bytes)
{
	int node = new_node(false);

	nodes[node].bytes = bytes;
	memcpy(nodes[node].data, lower_data, bytes);
	return node;
}

static void model_init(void)
{
	int a, b;

	for (int i = 0; i < NODES; i++)
		nodes[i].used = false;
	new_node(true);
	a = new_file(BYTES_A);
	nodes[a].nlink = 2;
	b = new_node(true);
	nodes[0].children[0] = a;
	nodes[0].children[1] = b;
	nodes[0].children[4] = new_file(0);
	nodes[b].children[0] = a;
	nodes[b].children[2] = new_file(BYTES_C);
	nodes[b].children[3] = new_node(true);
}

/* The place where a path's last name is, or would be. */
static int find(const struct place *place, int **out)
{
	int dir = 0;

	for (unsigned i = 0; i < place->depth; i++) {
		if (!nodes[dir].dir)
			return -ENOTDIR;
		*out = &nodes[dir].children[place->names[i]];
		if (i + 1 == place->depth)
			return 0;
		dir = **out;
		if (dir == NONE)
			return -ENOENT;
	}
	return -ENOENT;
}

static bool is_empty(int dir)
{
	for (int i = 0; i < NAMES; i++)
		if (nodes[dir].children[i] != NONE)
			return false;
	return true;
}

static bool contains(int top, const int *slot)
{
	for (int i = 0; i < NAMES; i++) {
		int child = nodes[top].children[i];

		if (slot == &nodes[top].children[i] ||
		    (child != NONE && nodes[child].dir && contains(child, slot)))
			return true;
	}
	return false;
}

static void drop(int node)
{
	if (nodes[node].dir || !--nodes[node].nlink)
		nodes[node].used = false;
}

static int model_make(const struct place *place, bool dir)
{
	int *slot, error = find(place, &slot);

	if (error)
		return error;
	if (*slot != NONE)
		return dir ? -EEXIST : nodes[*slot].dir ? -EISDIR : 0;
	*slot = new_node(dir);
	return 0;
}

static int model_remove(const struct place *place, bool dir)
{
	int *slot, error = find(place, &slot);

	if (error)
		return error;
	if (*slot == NONE)
		return -ENOENT;
	if (nodes[*slot].dir != dir)
		return dir ? -ENOTDIR : -EISDIR;
	if (dir && !is_empty(*slot))
		return -ENOTEMPTY;
	drop(*slot);
	*slot = NONE;
	return 0;
}

static int model_link(const struct place *from, const struct place *to)
{
	int *source, *target, error = find(from, &source);

	if (!error && *source == NONE)
		error = -ENOENT;
	if (!error)
		error = find(to, &target);
	if (!error && *target != NONE)
		error = -EEXIST;
	if (!error && nodes[*source].dir)
		error = -EPERM;
	if (error)
		return error;
	*target = *source;
	nodes[*source].nlink++;
	return 0;
}

static int model_replace(const int *source, const int *target)
{
	bool dir = nodes[*source].dir;

	if (*target == NONE)
		return 0;
	if (dir && !nodes[*target].dir)
		return -ENOTDIR;
	if (!dir && nodes[*target].dir)
		return -EISDIR;
	return dir && !is_empty(*target) ? -ENOTEMPTY : 0;
}

static int model_rename(const struct place *from, const struct place *to, unsigned flags)
{
	int *source, *target, swap, error = find(from, &source);

	if (!error)
		error = find(to, &target);
	if (!error && *source == NONE)
		error = -ENOENT;
	if (error)
		return error;
	if (*source == *target)
		return flags & RENAME_NOREPLACE ? -EEXIST : 0;
	if (flags & RENAME_NOREPLACE && *target != NONE)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE && *target == NONE)
		return -ENOENT;
	if (nodes[*source].dir && contains(*source, target))
		return -EINVAL;
	if (flags & RENAME_EXCHANGE) {
		if (nodes[*target].dir && contains(*target, source))
			return -EINVAL;
		swap = *target;
		*target = *source;
		*source = swap;
		return 0;
	}
	error = model_replace(source, target);
	if (error)
		return error;
	if (*target != NONE)
		drop(*target);
	*target = *source;
	*source = NONE;
	return 0;
}

/* The input */

static const uint8_t *input, *input_end;

static unsigned take(void)
{
	return input < input_end ? *input++ : 0;
}

static struct place take_place(void)
{
	unsigned bits = take();
	struct place place = { .depth = 1 + bits % DEPTH };
	size_t length = 0;

	bits /= DEPTH;
	for (unsigned i = 0; i < place.depth; i++) {
		place.names[i] = i ? take() % NAMES : bits % NAMES;
		place.text[length++] = '/';
		place.text[length++] = (char)('a' + place.names[i]);
	}
	return place;
}

static void require(bool ok, const char *what, const struct place *place)
{
	if (ok)
		return;
	fprintf(stderr, "%s differs at %s\n", what, place->text);
	abort();
}

/* Both results agree, unless memory was wanted: then nothing has happened. */
static bool no_memory(int result)
{
	return host_allocation_failed() && (result == -ENOMEM || result == -ENOSPC);
}

/* The calls */

static void call_create(const struct place *place)
{
	int result = try_open(place->text, O_CREAT | O_RDWR);

	if (no_memory(result)) {
		/* It may be there, but could not be opened. */
		host_fail_allocation_after(HOST_NEVER);
		if (!exists(place->text))
			model_make(place, false);
		return;
	}
	require(result == model_make(place, false), "create", place);
}

static struct file *open_file(const struct place *place, int *slot_value)
{
	int *slot, error = find(place, &slot);
	struct file *file = NULL;
	int result = open_at(place->text, O_RDWR, &file);

	if (no_memory(result))
		return NULL;
	if (!error)
		error = *slot == NONE ? -ENOENT : nodes[*slot].dir ? -EISDIR : 0;
	require(result == error, "open", place);
	if (!error)
		*slot_value = *slot;
	return file;
}

static void call_write(const struct place *place)
{
	size_t offset = take() * 64, bytes = take() * 40 + 1;
	uint8_t data[256 * 40], value = (uint8_t)take();
	struct model *node;
	struct file *file;
	ssize_t count;
	int index;

	file = open_file(place, &index);
	if (!file)
		return;
	node = &nodes[index];
	bytes = min(bytes, FILE_MAX - min(offset, (size_t)FILE_MAX));
	memset(data, value, bytes);
	count = put_at(file, data, bytes, offset);
	file_put(file);
	require(count == (ssize_t)bytes || host_allocation_failed(), "write", place);
	if (count <= 0)
		return;
	if (offset > node->bytes)
		memset(node->data + node->bytes, 0, offset - node->bytes);
	memset(node->data + offset, value, (size_t)count);
	node->bytes = max(node->bytes, offset + (size_t)count);
}

static void call_resize(const struct place *place)
{
	size_t start = take() * 70, bytes = take() * 78;
	bool punch = take() % 2;
	struct model *node;
	struct file *file;
	int index, error;

	file = open_file(place, &index);
	if (!file)
		return;
	node = &nodes[index];
	if (punch) {
		error = file_fallocate(file, 3, start, bytes + 1);
		if (!error && start < node->bytes)
			memset(node->data + start, 0, min(bytes + 1, node->bytes - start));
		/* Without memory a part may be done: read it back. */
		if (error)
			node->bytes = (size_t)get_at(file, node->data, FILE_MAX, 0);
	} else {
		error = file_truncate(file, bytes);
		if (bytes > node->bytes)
			memset(node->data + node->bytes, 0, bytes - node->bytes);
		node->bytes = bytes;
	}
	file_put(file);
	require(!error || no_memory(error), "resize", place);
}

/* A page as a mapping sees it. */
static void call_map(const struct place *place)
{
	uint64_t index = take() % 6;
	bool write = take() % 2;
	struct vm_object *object;
	struct vm_page page;
	struct model *node;
	struct inode *inode;
	int *slot, result;

	if (find(place, &slot) || *slot == NONE || nodes[*slot].dir ||
	    path_lookup(&at, NULL, place->text, 0, &inode))
		return;
	node = &nodes[*slot];
	object = &inode->pages;
	result = object->ops->page(object, index, write, &page);
	if (index * 4096 >= node->bytes) {
		require(result == -ENXIO, "map", place);
	} else if (!no_memory(result)) {
		require(!result && !(write && page.borrowed), "map", place);
		require(!memcmp(phys_to_virt(page.frame), node->data + index * 4096,
				min((size_t)4096, node->bytes - index * 4096)),
			"mapped bytes", place);
		if (!page.borrowed)
			page_put(page_of(page.frame));
	}
	inode_put(inode);
}

static void call_two(unsigned op, const struct place *from, const struct place *to)
{
	unsigned flags = take() % 3;
	int result = op ? rename_at(from->text, to->text, flags) : link_at(from->text, to->text);

	if (no_memory(result))
		return;
	require(result == (op ? model_rename(from, to, flags) : model_link(from, to)),
		op ? "rename" : "link", from);
}

static void call(void)
{
	unsigned op = take();
	struct place place = take_place(), other;
	int result;

	if (op & 128)
		host_fail_allocation_after((op >> 4) % 8);
	switch (op % 10) {
	case 0:
		call_create(&place);
		break;
	case 1:
		result = make_dir(place.text);
		require(no_memory(result) || result == model_make(&place, true), "mkdir", &place);
		break;
	case 2:
		result = unlink_at(place.text);
		require(no_memory(result) || result == model_remove(&place, false), "unlink",
			&place);
		break;
	case 3:
		result = rmdir_at(place.text);
		require(no_memory(result) || result == model_remove(&place, true), "rmdir", &place);
		break;
	case 4:
	case 5:
	case 6:
		other = take_place();
		call_two(op % 10 - 4, &place, &other);
		break;
	case 7:
		call_write(&place);
		break;
	case 8:
		call_resize(&place);
		break;
	default:
		call_map(&place);
	}
	host_fail_allocation_after(HOST_NEVER);
}

/* The whole tree */

static void check_file(const struct model *node, const struct place *place)
{
	static uint8_t data[FILE_MAX + 1];
	struct inode_attr attr;
	struct file *file;

	require(!open_at(place->text, O_RDONLY, &file) && !file_getattr(file, &attr), "file",
		place);
	require(attr.size == node->bytes && attr.nlink == node->nlink, "attributes", place);
	require(get_at(file, data, sizeof(data), 0) == (ssize_t)node->bytes &&
			!memcmp(data, node->data, node->bytes),
		"content", place);
	file_put(file);
}

static void check_dir(int dir, struct place *place, size_t length)
{
	static char names[64][256];
	struct inode_attr attr;
	unsigned count = 2, subdirs = 0;

	require(!get_attr(length ? place->text : "/", &attr), "directory", place);
	require(list(length ? place->text : "/", 3, names) <= 2 + NAMES, "list", place);
	for (int i = 0; i < NAMES; i++) {
		int child = nodes[dir].children[i];

		place->text[length] = '/';
		place->text[length + 1] = (char)('a' + i);
		place->text[length + 2] = '\0';
		if (child == NONE) {
			require(exists(place->text) == -ENOENT, "nothing", place);
			continue;
		}
		require(names[count][0] == 'a' + i, "listed name", place);
		count++;
		subdirs += nodes[child].dir;
		if (!nodes[child].dir)
			check_file(&nodes[child], place);
	}
	place->text[length] = '\0';
	require(attr.nlink == 2 + subdirs, "links", place);
	for (int i = 0; i < NAMES; i++) {
		int child = nodes[dir].children[i];

		place->text[length] = '/';
		place->text[length + 1] = (char)('a' + i);
		place->text[length + 2] = '\0';
		if (child != NONE && nodes[child].dir)
			check_dir(child, place, length + 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	enum { CALLS_MAX = 60 };
	struct place place = { .depth = 0 };
	struct memfs *fs;
	size_t before;

	threads_start(NULL, 0);
	for (size_t i = 0; i < sizeof(lower_data); i++)
		lower_data[i] = (uint8_t)(i % 251 + 1);
	before = host_allocations();
	if (memfs_create("rootfs", 1, &lower, &fs))
		abort();
	fs->keeps_time = true;
	at = (struct path_context){ .root = fs->fs.root, .cwd = fs->fs.root, .umask = 0 };
	model_init();
	input = data;
	input_end = data + bytes;
	for (int i = 0; i < CALLS_MAX && input < input_end; i++)
		call();
	check_dir(0, &place, 0);
	memfs_destroy(fs);
	require(host_allocations() == before, "memory left", &place);
	return 0;
}
