/* SPDX-License-Identifier: BSD-3-Clause */
/* The object that programs see the vDSO through: the time page, then the image that vdso/ is built into. */
#include "exec.h"

#include <base/bits.h>
#include <base/errno.h>
#include <core/time.h>
#include <hal/memory.h>

/* Made by rules.mk from the linked shared object; page aligned, and padded to whole pages. */
extern const char vdso_image_start[], vdso_image_end[];

size_t vdso_image_bytes(void)
{
	return (size_t)(vdso_image_end - vdso_image_start);
}

static int vdso_page(struct vm_object *object, uint64_t index, bool write, struct vm_page *out)
{
	(void)object;
	if (write)
		return -EACCES;
	if (index < VDSO_TIME_PAGES) {
		*out = (struct vm_page){ .frame = time_page_phys(), .borrowed = true };
		return 0;
	}
	index -= VDSO_TIME_PAGES;
	if (index >= vdso_image_bytes() >> PAGE_SHIFT)
		return -ENXIO;
	*out = (struct vm_page){
		.frame = image_phys(vdso_image_start + (index << PAGE_SHIFT)),
		.borrowed = true,
	};
	return 0;
}

static void vdso_reference(struct vm_object *object)
{
	(void)object; /* lives for ever */
}

static const struct vm_object_ops vdso_ops = {
	.page = vdso_page,
	.get = vdso_reference,
	.put = vdso_reference,
};

struct vm_object *vdso_object(void)
{
	static struct vm_object object = VM_OBJECT_INIT(object, &vdso_ops);

	return &object;
}
