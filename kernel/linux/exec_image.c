/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec_image.h"

#include <base/bits.h>
#include <base/errno.h>
#include <fs/uio.h>
#include <mm/alloc.h>

enum { MODE_EXECUTE_ANY = 0111 };

static int refuse(const char **why, int err, const char *text)
{
	*why = text;
	return err;
}

int exec_check_file(struct file *file, const char **why)
{
	struct inode_attr attr;
	int err = file_getattr(file, &attr);

	if (err)
		return refuse(why, err, "cannot be read");
	if ((attr.mode & S_IFMT) != S_IFREG)
		return refuse(why, -EACCES, "is not a regular file");
	if (!(attr.mode & MODE_EXECUTE_ANY))
		return refuse(why, -EACCES, "is not executable (no x bit)");
	return 0;
}

/* Opening a FIFO would wait, and that of a device might do something. */
static int check_type(uint32_t type, const char **why)
{
	if (type == S_IFLNK)
		return refuse(why, -ELOOP, "is a symbolic link");
	if (type != S_IFREG)
		return refuse(why, -EACCES, "is not a regular file");
	return 0;
}

int exec_open(const struct path_context *paths, struct inode *base, const char *path,
	      unsigned flags, struct file **out, const char **why)
{
	struct inode *inode;
	int open_flags = flags & PATH_NOFOLLOW ? O_NOFOLLOW : O_RDONLY;
	int err = path_lookup(paths, base, path, flags, &inode);

	if (err)
		return refuse(why, err,
			      err == -ENOENT ? "is not in the image" : "cannot be opened");
	err = check_type(inode->mode & S_IFMT, why);
	if (err) {
		inode_put(inode);
		return err;
	}
	err = path_open(paths, base, path, open_flags, 0, out);
	inode_put(inode); /* not before, or it would be read once more */
	if (err)
		return refuse(why, err, "cannot be opened");
	err = exec_check_file(*out, why);
	if (err)
		file_put(*out);
	return err;
}

int exec_read(struct file *file, uint64_t offset, void *dst, size_t bytes)
{
	struct uio_segment segment;
	struct uio uio;

	uio_init_kernel(&uio, &segment, dst, bytes);
	while (uio.left) {
		ssize_t n = file_read_at(file, &uio, offset + (bytes - uio.left));

		if (n <= 0)
			return n ? (int)n : -EIO;
	}
	return 0;
}

static int read_source(void *context, uint64_t offset, void *dst, size_t bytes)
{
	return exec_read(context, offset, dst, bytes);
}

static int elf_error(const struct elf_source *source, enum elf_result r, const char **why)
{
	return refuse(why, r == ELF_UNREADABLE ? source->error : -ENOEXEC, elf_result_text(r));
}

int exec_image_read(struct exec_image *image, const char **why)
{
	struct elf_source source = { .read = read_source, .context = image->file };
	struct inode_attr attr;
	int err = file_getattr(image->file, &attr);

	if (err)
		return refuse(why, err, "cannot be read");
	source.file_bytes = attr.size;
	enum elf_result r = elf_read_header(&source, &image->header);
	if (r)
		return elf_error(&source, r, why);
	image->table = mem_alloc(image->header.table_count * sizeof(*image->table));
	if (!image->table)
		return refuse(why, -ENOMEM, "does not fit into memory");
	r = elf_read_table(&source, &image->header, USER_MIN, USER_MAX, image->table, &image->elf);
	if (r)
		return elf_error(&source, r, why);
	err = file_map(image->file, SPACE_READ | SPACE_EXEC, 0, &image->object);
	if (err || !image->object)
		return refuse(why, -ENODEV, "lies on a file system that cannot map it");
	return 0;
}

void exec_image_fini(struct exec_image *image)
{
	mem_free(image->table);
	if (image->object)
		image->object->ops->put(image->object);
	file_put(image->file);
}

static unsigned segment_prot(const struct elf_phdr *p)
{
	return (p->flags & ELF_READ ? SPACE_READ : 0) | (p->flags & ELF_WRITE ? SPACE_WRITE : 0) |
	       (p->flags & ELF_EXECUTE ? SPACE_EXEC : 0);
}

static int map_fixed(struct space *space, uintptr_t start, uintptr_t end, unsigned prot,
		     const struct exec_image *image, uint64_t object_page)
{
	const struct space_map request = {
		.hint = start,
		.bytes = end - start,
		.prot = prot,
		.max_prot = SPACE_READ | SPACE_WRITE | SPACE_EXEC,
		.flags = AREA_FIXED,
		.object = image ? image->object : NULL,
		.object_page = object_page,
	};
	uintptr_t at;

	return start < end ? space_map(space, &request, &at) : 0;
}

/* The file's last page goes on behind the segment with whatever follows it there: bss must read as zeros. */
static int clear_page_end(struct space *space, uintptr_t from)
{
	size_t bytes = (size_t)(align_up(from, PAGE_SIZE) - from);
	void *zeros = mem_zalloc(bytes);

	if (!zeros)
		return -ENOMEM;
	int err = space_write(space, from, zeros, bytes);
	mem_free(zeros);
	return err;
}

static int map_segment(const struct exec_image *image, const struct elf_phdr *p,
		       struct space *space)
{
	uintptr_t vaddr = p->vaddr + image->bias;
	uintptr_t start = align_down(vaddr, PAGE_SIZE);
	uintptr_t file_end = p->file_bytes ? vaddr + p->file_bytes : start;
	uintptr_t file_pages_end = align_up(file_end, PAGE_SIZE);
	uintptr_t end = align_up(vaddr + p->memory_bytes, PAGE_SIZE);
	unsigned prot = segment_prot(p);
	int err = map_fixed(space, start, file_pages_end, prot, image, p->offset >> PAGE_SHIFT);

	/* As on Linux, what may not be written is not cleared. */
	if (!err && p->memory_bytes > p->file_bytes && file_end != file_pages_end &&
	    prot & SPACE_WRITE)
		err = clear_page_end(space, file_end);
	if (!err)
		err = map_fixed(space, file_pages_end, end, prot, NULL, 0);
	return err;
}

int exec_image_map(const struct exec_image *image, struct space *space)
{
	int err = 0;

	for (unsigned i = 0; i < image->header.table_count && !err; i++) {
		const struct elf_phdr *p = &image->table[i];

		if (p->type == ELF_LOAD && p->memory_bytes)
			err = map_segment(image, p, space);
	}
	return err;
}

/* A free place for all of it: what is mapped there to find it goes again. */
static int find_place(const struct exec_image *image, struct space *space, uintptr_t *out)
{
	const struct elf_image *elf = &image->elf;
	const struct space_map request = {
		.bytes = elf->high - elf->low + elf->alignment - PAGE_SIZE,
		.flags = AREA_NO_RESERVE,
	};
	uintptr_t at;
	int err = space_map(space, &request, &at);

	if (!err)
		err = space_unmap(space, at, request.bytes);
	if (!err)
		*out = align_up(at, elf->alignment);
	return err;
}

int exec_image_map_anywhere(struct exec_image *image, struct space *space)
{
	uintptr_t at;

	if (image->header.position_independent) {
		int err = find_place(image, space, &at);

		if (err)
			return err;
		image->bias = at - image->elf.low;
	}
	return exec_image_map(image, space);
}
