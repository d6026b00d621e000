/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of /proc: the text as it was when the file was opened. Thread context. */
#include "procfs.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <mm/alloc.h>

enum { TEXT_FIRST = 240, WRITE_MAX = 4095 };

struct procfs_buffer {
	const struct procfs_entry *entry;
	int number;
	size_t length, size;
	char *text;
};

static int grow(struct procfs_buffer *buffer, size_t wanted)
{
	size_t size = max(buffer->size * 2, (size_t)TEXT_FIRST);
	char *text;

	while (size < wanted)
		size *= 2;
	text = mem_resize(buffer->text, size);
	if (!text)
		return -ENOMEM;
	buffer->text = text;
	buffer->size = size;
	return 0;
}

int procfs_print(struct procfs_buffer *buffer, const char *fmt, ...)
{
	size_t left, length;
	va_list args;

	for (;;) {
		left = buffer->size - buffer->length;
		va_start(args, fmt);
		length = (size_t)format_va(left ? buffer->text + buffer->length : NULL, left, fmt,
					   args);
		va_end(args);
		if (length < left)
			break;
		if (grow(buffer, buffer->length + length + 1))
			return -ENOMEM;
	}
	buffer->length += length;
	return 0;
}

int procfs_number(const struct procfs_buffer *buffer)
{
	return buffer->number;
}

static ssize_t read_text(struct file *file, struct uio *uio, uint64_t *position)
{
	struct procfs_buffer *buffer = file->private;
	ssize_t count;

	if (*position >= buffer->length)
		return 0;
	count = uio_put(uio, buffer->text + *position, buffer->length - *position);
	if (count > 0)
		*position += (uint64_t)count;
	return count;
}

static ssize_t write_text(struct file *file, struct uio *uio, uint64_t *position)
{
	struct procfs_buffer *buffer = file->private;
	char *text = mem_alloc(WRITE_MAX + 1);
	ssize_t count;
	int error;

	(void)position;
	if (!text)
		return -ENOMEM;
	count = uio_get(uio, text, WRITE_MAX);
	if (count > 0) {
		text[count] = '\0';
		error = buffer->entry->write(buffer, text, (size_t)count);
		if (error)
			count = error;
	}
	mem_free(text);
	return count;
}

static int64_t seek_text(struct file *file, int64_t offset, int whence)
{
	const struct procfs_buffer *buffer = file->private;
	uint64_t from = whence == FILE_SEEK_CUR ? file->position : buffer->length;

	if (whence > FILE_SEEK_END)
		return -EINVAL;
	if (whence != FILE_SEEK_SET && add_overflows((int64_t)from, offset, &offset))
		return -EOVERFLOW;
	return offset;
}

static void release(struct file *file)
{
	struct procfs_buffer *buffer = file->private;

	mem_free(buffer->text);
	mem_free(buffer);
}

static const struct file_ops text_ops = {
	.read = read_text, .write = write_text, .seek = seek_text, .release = release
};

int proc_file_open(const struct proc_inode *inode, struct file *file)
{
	const struct procfs_entry *entry = inode->entry;
	bool reads = (file->flags & O_ACCMODE) != O_WRONLY;
	bool writes = (file->flags & O_ACCMODE) != O_RDONLY;
	struct procfs_buffer *buffer;
	int error = 0;

	if ((reads && !entry->show) || (writes && !entry->write))
		return -EACCES;
	buffer = mem_zalloc(sizeof *buffer);
	if (!buffer)
		return -ENOMEM;
	buffer->entry = entry;
	buffer->number = inode->number;
	file->ops = &text_ops;
	file->private = buffer;
	if (reads)
		error = entry->show(buffer);
	if (error)
		release(file);
	return error;
}
