/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Program loading (execve(2) of static and static-PIE ELF files): places and maps the segments, the stack, the vDSO and the
 * break, as Linux's binfmt_elf.c does. Every page is filled on first touch, but for the stack's top and the page
 * where a segment's file part ends.
 */
#include "exec.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <core/params.h>
#include <core/random.h>
#include <fs/uio.h>
#include <hal/cpu.h>
#include <lib/elf.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "program_stack.h"
#include "signal_frame.h"

#define PIE_BASE ((uintptr_t)0x555555554000) /* two thirds of the user half, as Linux */
#define BRK_RANDOM_BYTES ((uint64_t)0x02000000)
#define STACK_GUARD_BYTES ((uint64_t)256 * PAGE_SIZE)
#define STACK_START_BYTES ((size_t)132 * 1024)
#define TABLE_SPAN ((uintptr_t)2 << 20) /* what one page table covers */
enum { PIE_RANDOM_BITS = 28, MMAP_RANDOM_BITS = 28, STACK_RANDOM_BITS = 22 };
enum { CLOCK_TICKS = 100, SLACK_BYTES = 2048 };

struct loader {
	struct process *process;
	const struct program *program;
	struct space *space;
	struct file *file;
	struct vm_object *object;
	struct elf_header header;
	struct elf_image image;
	struct elf_phdr *table;
	uintptr_t bias; /* address in memory - address in the file */
	uintptr_t stack_top, vdso;
	bool randomise;
};

static uint64_t random_pages(const struct loader *l, unsigned bits)
{
	return l->randomise ? (random_u64() & (BIT64(bits) - 1)) << PAGE_SHIFT : 0;
}

static int refuse(const struct loader *l, int err, const char *why)
{
	log_error("cannot run %s: it %s", l->program->path, why);
	return err;
}

static int read_file(void *context, uint64_t offset, void *dst, size_t bytes)
{
	struct uio_segment segment;
	struct uio uio;

	uio_init_kernel(&uio, &segment, dst, bytes);
	while (uio.left) {
		ssize_t n = file_read_at(context, &uio, offset + (bytes - uio.left));

		if (n <= 0)
			return n ? (int)n : -EIO;
	}
	return 0;
}

static int open_program(struct loader *l, uint64_t *file_bytes)
{
	struct inode_attr attr;
	int err = path_open(&l->process->paths, NULL, l->program->path, O_RDONLY, 0, &l->file);

	if (err)
		return refuse(l, err, err == -ENOENT ? "is not in the image" : "cannot be opened");
	err = file_getattr(l->file, &attr);
	if (err)
		return refuse(l, err, "cannot be read");
	if ((attr.mode & S_IFMT) != S_IFREG)
		return refuse(l, -EACCES, "is not a regular file");
	if (!(attr.mode & 0111))
		return refuse(l, -EACCES, "is not executable (no x bit)");
	*file_bytes = attr.size;
	err = file_map(l->file, SPACE_READ | SPACE_EXEC, 0, &l->object);
	if (err || !l->object)
		return refuse(l, -ENODEV, "lies on a file system that cannot map it");
	return 0;
}

static int read_elf(struct loader *l, uint64_t file_bytes)
{
	struct elf_source source = { .read = read_file,
				     .context = l->file,
				     .file_bytes = file_bytes };
	enum elf_result r = elf_read_header(&source, &l->header);

	if (r)
		return refuse(l, r == ELF_UNREADABLE ? source.error : -ENOEXEC, elf_result_text(r));
	l->table = mem_alloc(l->header.table_count * sizeof(*l->table));
	if (!l->table)
		return refuse(l, -ENOMEM, "does not fit into memory");
	r = elf_read_table(&source, &l->header, USER_MIN, USER_MAX, l->table, &l->image);
	if (r)
		return refuse(l, r == ELF_UNREADABLE ? source.error : -ENOEXEC, elf_result_text(r));
	return 0;
}

/* What is only read stays in the image; what may be written needs memory of the machine. */
static int check_memory(const struct loader *l)
{
	uint64_t needed = 0, free = pages_stats().free_bytes;

	for (unsigned i = 0; i < l->header.table_count; i++)
		if (l->table[i].type == ELF_LOAD && l->table[i].flags & ELF_WRITE)
			needed += align_up(l->table[i].memory_bytes, PAGE_SIZE);
	if (needed <= free)
		return 0;
	log_error("cannot run %s: its data needs %llu MiB of memory, %llu MiB are free; "
		  "give the machine more",
		  l->program->path, (unsigned long long)((needed + (1 << 20) - 1) >> 20),
		  (unsigned long long)(free >> 20));
	return -ENOMEM;
}

static unsigned segment_prot(const struct elf_phdr *p)
{
	return (p->flags & ELF_READ ? SPACE_READ : 0) | (p->flags & ELF_WRITE ? SPACE_WRITE : 0) |
	       (p->flags & ELF_EXECUTE ? SPACE_EXEC : 0);
}

static int map_fixed(const struct loader *l, uintptr_t start, uintptr_t end, unsigned prot,
		     struct vm_object *object, uint64_t object_page)
{
	const struct space_map request = {
		.hint = start,
		.bytes = end - start,
		.prot = prot,
		.max_prot = SPACE_READ | SPACE_WRITE | SPACE_EXEC,
		.flags = AREA_FIXED,
		.object = object,
		.object_page = object_page,
	};
	uintptr_t at;

	return start < end ? space_map(l->space, &request, &at) : 0;
}

/* The file's last page goes on behind the segment with whatever follows it there: bss must read as zeros. */
static int clear_page_end(const struct loader *l, uintptr_t from)
{
	size_t bytes = (size_t)(align_up(from, PAGE_SIZE) - from);
	void *zeros = mem_zalloc(bytes);

	if (!zeros)
		return -ENOMEM;
	int err = space_write(l->space, from, zeros, bytes);
	mem_free(zeros);
	return err;
}

static int map_segment(struct loader *l, const struct elf_phdr *p)
{
	uintptr_t vaddr = p->vaddr + l->bias;
	uintptr_t start = align_down(vaddr, PAGE_SIZE);
	uintptr_t file_end = p->file_bytes ? vaddr + p->file_bytes : start;
	uintptr_t file_pages_end = align_up(file_end, PAGE_SIZE);
	uintptr_t end = align_up(vaddr + p->memory_bytes, PAGE_SIZE);
	unsigned prot = segment_prot(p);
	int err = map_fixed(l, start, file_pages_end, prot, l->object, p->offset >> PAGE_SHIFT);

	if (!err && p->memory_bytes > p->file_bytes && file_end != file_pages_end)
		err = clear_page_end(l, file_end);
	if (!err)
		err = map_fixed(l, file_pages_end, end, prot, NULL, 0);
	return err;
}

static void note_segment(struct process *process, const struct elf_phdr *p, uintptr_t bias)
{
	uintptr_t start = p->vaddr + bias;

	if (p->flags & ELF_EXECUTE) {
		if (!process->code_start)
			process->code_start = start;
		process->code_end = start + p->file_bytes;
	} else if (p->flags & ELF_WRITE) {
		process->data_start = start;
		process->data_end = start + p->file_bytes;
	}
}

static int map_segments(struct loader *l)
{
	if (l->header.position_independent) {
		uintptr_t base = PIE_BASE + random_pages(l, PIE_RANDOM_BITS);

		l->bias = align_down(base, l->image.alignment) - l->image.low;
	}
	for (unsigned i = 0; i < l->header.table_count; i++) {
		const struct elf_phdr *p = &l->table[i];

		if (p->type != ELF_LOAD || !p->memory_bytes)
			continue;
		int err = map_segment(l, p);
		if (err)
			return err;
		note_segment(l->process, p, l->bias);
	}
	l->space->brk_start = l->image.high + l->bias;
	if (l->randomise)
		l->space->brk_start += align_down(random_u64() % BRK_RANDOM_BYTES, PAGE_SIZE);
	l->space->brk_end = l->space->brk_start;
	return 0;
}

/* Above the stack, in the reach of its page table where there is room, else below all: as Linux's vdso_addr(). */
static uintptr_t choose_vdso(const struct loader *l, size_t bytes)
{
	uintptr_t limit = min(align_up(l->stack_top, TABLE_SPAN), USER_MAX);
	size_t room = limit - l->stack_top;

	if (room < bytes)
		return 0;
	size_t places = (room - bytes) / PAGE_SIZE + 1;

	return l->stack_top + (l->randomise ? random_u64() % places : 0) * PAGE_SIZE;
}

static int map_vdso(struct loader *l)
{
	size_t bytes = VDSO_TIME_PAGES * PAGE_SIZE + vdso_image_bytes();
	struct space_map request = {
		.hint = choose_vdso(l, bytes),
		.bytes = bytes,
		.prot = SPACE_READ | SPACE_EXEC,
		.max_prot = SPACE_READ | SPACE_EXEC,
		.object = vdso_object(),
		.flags = AREA_LOCKED_LAYOUT,
		.label = "[vdso]",
	};
	uintptr_t at;
	int err;

	if (params_get("vdso") && !params_flag("vdso"))
		return 0;
	if (!request.hint) { /* anywhere: find the place with one map of the whole */
		err = space_map(l->space, &request, &at);
		if (err)
			return err;
		request.hint = at;
	}
	request.flags |= AREA_FIXED;
	request.bytes = VDSO_TIME_PAGES * PAGE_SIZE;
	request.prot = request.max_prot = SPACE_READ;
	request.label = "[vvar]";
	err = space_map(l->space, &request, &at);
	if (err)
		return err;
	request.hint += request.bytes;
	request.bytes = bytes - request.bytes;
	request.prot = request.max_prot = SPACE_READ | SPACE_EXEC;
	request.object_page = VDSO_TIME_PAGES;
	request.label = "[vdso]";
	l->vdso = request.hint;
	return space_map(l->space, &request, &at);
}

/* Where the stack ends and mappings begin to grow down from. */
static void place_stack(struct loader *l)
{
	uint64_t limit = l->process->limits[RLIMIT_STACK].current;
	uint64_t gap = min(max(limit, (uint64_t)128 << 20), USER_MAX / 6 * 5) + STACK_GUARD_BYTES;

	l->stack_top = USER_MAX - random_pages(l, STACK_RANDOM_BITS);
	gap += (uint64_t)1 << (STACK_RANDOM_BITS +
			       PAGE_SHIFT); /* the most the stack itself may have moved */
	l->space->mmap_top = USER_MAX - gap - random_pages(l, MMAP_RANDOM_BITS);
	l->space->stack_limit_bytes = limit;
	l->space->address_limit_bytes = l->process->limits[RLIMIT_AS].current;
	l->space->data_limit_bytes = l->process->limits[RLIMIT_DATA].current;
}

static unsigned fill_auxv(const struct loader *l, struct auxv_entry *auxv)
{
	const struct credentials *c = &l->process->credentials;
	unsigned n = 0;

	if (l->vdso)
		auxv[n++] = (struct auxv_entry){ AT_SYSINFO_EHDR, l->vdso };
	auxv[n++] = (struct auxv_entry){ AT_MINSIGSTKSZ, signal_frame_bytes_max() };
	auxv[n++] = (struct auxv_entry){ AT_HWCAP, cpu_id(1, 0).edx };
	auxv[n++] = (struct auxv_entry){ AT_PAGESZ, PAGE_SIZE };
	auxv[n++] = (struct auxv_entry){ AT_CLKTCK, CLOCK_TICKS };
	auxv[n++] = (struct auxv_entry){ AT_PHDR, l->image.table_vaddr
							  ? l->image.table_vaddr + l->bias
							  : 0 };
	auxv[n++] = (struct auxv_entry){ AT_PHENT, sizeof(struct elf_phdr) };
	auxv[n++] = (struct auxv_entry){ AT_PHNUM, l->header.table_count };
	auxv[n++] = (struct auxv_entry){ AT_BASE, 0 };
	auxv[n++] = (struct auxv_entry){ AT_FLAGS, 0 };
	auxv[n++] = (struct auxv_entry){ AT_ENTRY, l->header.entry + l->bias };
	auxv[n++] = (struct auxv_entry){ AT_UID, c->uid };
	auxv[n++] = (struct auxv_entry){ AT_EUID, c->euid };
	auxv[n++] = (struct auxv_entry){ AT_GID, c->gid };
	auxv[n++] = (struct auxv_entry){ AT_EGID, c->egid };
	auxv[n++] = (struct auxv_entry){ AT_SECURE, 0 };
	auxv[n++] = (struct auxv_entry){ AT_HWCAP2, 0 };
	return n;
}

static int map_stack(const struct loader *l, size_t bytes)
{
	const struct space_map request = {
		.hint = l->stack_top - bytes,
		.bytes = bytes,
		.prot = SPACE_READ | SPACE_WRITE,
		.max_prot = SPACE_READ | SPACE_WRITE | SPACE_EXEC,
		.flags = AREA_FIXED | AREA_STACK,
		.label = "[stack]",
	};
	uintptr_t at;

	return space_map(l->space, &request, &at);
}

static void note_stack(struct process *process, const struct program_stack *s)
{
	process->stack_start = s->pointer;
	process->args_start = s->args_start;
	process->args_end = s->args_end;
	process->env_start = s->env_start;
	process->env_end = s->env_end;
	process->auxv_start = s->auxv_start;
	process->auxv_end = s->auxv_end;
}

static int make_stack(struct loader *l, uintptr_t *pointer)
{
	struct auxv_entry auxv[20];
	struct program_stack s = {
		.args = l->program->args,
		.env = l->program->env,
		.path = l->program->path,
		.platform = "x86_64",
		.auxv = auxv,
		.auxv_count = fill_auxv(l, auxv),
		.top = l->stack_top,
		.slack_bytes = l->randomise ? random_u64() % SLACK_BYTES : 0,
	};
	uint64_t limit = l->process->limits[RLIMIT_STACK].current;

	random_bytes(s.random, sizeof(s.random));
	int err = program_stack_measure(&s, (size_t)min(limit / 4, (uint64_t)6 << 20));
	if (err)
		return refuse(l, err, "has too many arguments or too large an environment");

	void *image = mem_alloc(s.bytes);
	if (!image)
		return -ENOMEM;
	program_stack_fill(&s, image);
	err = map_stack(l, max(align_up(s.bytes, PAGE_SIZE), (uint64_t)STACK_START_BYTES));
	if (!err)
		err = space_write(l->space, s.pointer, image, s.bytes);
	mem_free(image);
	note_stack(l->process, &s);
	*pointer = s.pointer;
	return err;
}

static int fill_space(struct loader *l, struct user_regs *regs)
{
	uintptr_t pointer = 0;

	place_stack(l);
	int err = map_segments(l);
	if (!err)
		err = map_vdso(l);
	if (!err)
		err = make_stack(l, &pointer);
	*regs = (struct user_regs){
		.rip = l->header.entry + l->bias,
		.rsp = pointer,
		.rflags = 0x202, /* interrupts on, and the bit that is always set */
		.orig_rax = UINT64_MAX,
	};
	return err;
}

/* What only the loading needed. */
static void finish_loading(struct loader *l)
{
	mem_free(l->table);
	if (l->object)
		l->object->ops->put(l->object);
}

int program_load(struct process *process, const struct program *program, struct user_regs *regs)
{
	struct loader l = {
		.process = process,
		.program = program,
		.randomise = !params_flag("norandmaps") && !params_flag("nokaslr"),
	};
	uint64_t file_bytes = 0;
	int err = open_program(&l, &file_bytes);

	if (!err)
		err = read_elf(&l, file_bytes);
	if (!err)
		err = check_memory(&l);
	if (err)
		goto err_unload;

	l.space = space_create();
	err = l.space ? fill_space(&l, regs) : -ENOMEM;
	if (err) {
		if (err == -ENOMEM)
			refuse(&l, err, "does not fit into memory; give the machine more");
		else if (err != -E2BIG)
			log_error("cannot run %s: error %d while it was mapped", program->path,
				  -err);
		goto err_unload;
	}
	finish_loading(&l);
	process->space = l.space;
	process->exe = l.file;
	return 0;

err_unload:
	finish_loading(&l);
	if (l.space)
		space_put(l.space);
	file_put(l.file);
	return err;
}
