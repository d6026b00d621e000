/* SPDX-License-Identifier: BSD-3-Clause */
/* Control data of messages, as cmsg(3) lays it out: read from the program, and put together for it. */
#include <net/socket.h>

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>

int control_next(const void *control, size_t bytes, size_t *offset, struct control_item *out)
{
	struct control_header header;
	size_t left = *offset < bytes ? bytes - *offset : 0;

	if (left < sizeof header)
		return 0;
	memcpy(&header, (const char *)control + *offset, sizeof header);
	if (header.bytes < sizeof header || header.bytes > left)
		return -EINVAL;
	*out = (struct control_item){
		.level = header.level,
		.type = header.type,
		.data = (const char *)control + *offset + sizeof header,
		.bytes = header.bytes - sizeof header,
	};
	*offset += align_up(header.bytes, sizeof(uint64_t));
	return 1;
}

/* Room for one message, padded; *bytes is what the message may have of the program's room. */
static int reserve(struct control_list *list, size_t *bytes)
{
	size_t end, size;
	uint8_t *data;

	*bytes = min(*bytes, list->room - list->bytes);
	end = list->bytes + align_up(*bytes, sizeof(uint64_t));
	if (end <= list->allocated)
		return 0;
	size = max(end, 2 * list->allocated);
	data = mem_resize(list->data, size);
	if (!data)
		return -ENOMEM;
	list->data = data;
	list->allocated = size;
	return 0;
}

int control_add(struct control_list *list, int level, int type, const void *data, size_t bytes)
{
	struct control_header header = { .level = level, .type = type };
	size_t wanted = sizeof header + bytes, had = wanted;
	int error;

	if (list->room - list->bytes < sizeof header) {
		list->truncated = true;
		return 0;
	}
	error = reserve(list, &had);
	if (error)
		return error;
	list->truncated |= had < wanted;
	header.bytes = had;
	uint8_t *at = list->data + list->bytes;
	memcpy(at, &header, sizeof header);
	memcpy(at + sizeof header, data, had - sizeof header);
	memset(at + had, 0, align_up(had, sizeof(uint64_t)) - had);
	list->bytes = min(list->bytes + align_up(wanted, sizeof(uint64_t)), list->room);
	return 0;
}

static void put_files(struct file **files, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		file_put(files[i]);
	mem_free(files);
}

void control_add_files(struct control_list *list, struct file **files, unsigned count)
{
	if (list->files) {
		put_files(files, count);
		return;
	}
	list->files = files;
	list->file_count = count;
}

void control_fini(struct control_list *list)
{
	put_files(list->files, list->file_count);
	mem_free(list->data);
}
