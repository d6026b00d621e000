/* SPDX-License-Identifier: BSD-3-Clause */
#include "trace_format.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <fs/file.h>
#include <linux/abi.h>
#include <linux/signal.h>

struct text {
	char *at;
	size_t size, used;
};

/* Names of single bits, or of values under a mask; the last has no name. */
struct flag_name {
	unsigned bit;
	const char name[20];
};

static const struct flag_name open_flags[] = {
	{ 0100, "O_CREAT" },
	{ 0200, "O_EXCL" },
	{ 0400, "O_NOCTTY" },
	{ 01000, "O_TRUNC" },
	{ 02000, "O_APPEND" },
	{ 04000, "O_NONBLOCK" },
	{ 04010000, "O_SYNC" },
	{ 010000, "O_DSYNC" },
	{ 040000, "O_DIRECT" },
	{ 0100000, "O_LARGEFILE" },
	{ 020200000, "O_TMPFILE" },
	{ 0200000, "O_DIRECTORY" },
	{ 0400000, "O_NOFOLLOW" },
	{ 01000000, "O_NOATIME" },
	{ 02000000, "O_CLOEXEC" },
	{ 010000000, "O_PATH" },
	{ 0, "" },
};
static const struct flag_name at_flags[] = {
	{ 0x100, "AT_SYMLINK_NOFOLLOW" }, { 0x200, "AT_REMOVEDIR" },
	{ 0x400, "AT_SYMLINK_FOLLOW" },   { 0x800, "AT_NO_AUTOMOUNT" },
	{ 0x1000, "AT_EMPTY_PATH" },      { 0, "" },
};
static const struct flag_name prot_flags[] = {
	{ 1, "PROT_READ" },
	{ 2, "PROT_WRITE" },
	{ 4, "PROT_EXEC" },
	{ 0, "" },
};
static const struct flag_name map_flags[] = {
	{ 3, "MAP_SHARED_VALIDATE" },
	{ 1, "MAP_SHARED" },
	{ 2, "MAP_PRIVATE" },
	{ 0x10, "MAP_FIXED" },
	{ 0x20, "MAP_ANONYMOUS" },
	{ 0x40, "MAP_32BIT" },
	{ 0x100, "MAP_GROWSDOWN" },
	{ 0x800, "MAP_DENYWRITE" },
	{ 0x2000, "MAP_LOCKED" },
	{ 0x4000, "MAP_NORESERVE" },
	{ 0x8000, "MAP_POPULATE" },
	{ 0x20000, "MAP_STACK" },
	{ 0x40000, "MAP_HUGETLB" },
	{ 0x100000, "MAP_FIXED_NOREPLACE" },
	{ 0, "" },
};

/* Each: the number, its name, its meaning. In order. */
static const char errors[] = "\001EPERM\0Operation not permitted\0"
			     "\002ENOENT\0No such file or directory\0"
			     "\003ESRCH\0No such process\0"
			     "\004EINTR\0Interrupted system call\0"
			     "\005EIO\0Input/output error\0"
			     "\006ENXIO\0No such device or address\0"
			     "\007E2BIG\0Argument list too long\0"
			     "\010ENOEXEC\0Exec format error\0"
			     "\011EBADF\0Bad file descriptor\0"
			     "\012ECHILD\0No child processes\0"
			     "\013EAGAIN\0Resource temporarily unavailable\0"
			     "\014ENOMEM\0Cannot allocate memory\0"
			     "\015EACCES\0Permission denied\0"
			     "\016EFAULT\0Bad address\0"
			     "\017ENOTBLK\0Block device required\0"
			     "\020EBUSY\0Device or resource busy\0"
			     "\021EEXIST\0File exists\0"
			     "\022EXDEV\0Invalid cross-device link\0"
			     "\023ENODEV\0No such device\0"
			     "\024ENOTDIR\0Not a directory\0"
			     "\025EISDIR\0Is a directory\0"
			     "\026EINVAL\0Invalid argument\0"
			     "\027ENFILE\0Too many open files in system\0"
			     "\030EMFILE\0Too many open files\0"
			     "\031ENOTTY\0Inappropriate ioctl for device\0"
			     "\032ETXTBSY\0Text file busy\0"
			     "\033EFBIG\0File too large\0"
			     "\034ENOSPC\0No space left on device\0"
			     "\035ESPIPE\0Illegal seek\0"
			     "\036EROFS\0Read-only file system\0"
			     "\037EMLINK\0Too many links\0"
			     "\040EPIPE\0Broken pipe\0"
			     "\041EDOM\0Numerical argument out of domain\0"
			     "\042ERANGE\0Numerical result out of range\0"
			     "\043EDEADLK\0Resource deadlock avoided\0"
			     "\044ENAMETOOLONG\0File name too long\0"
			     "\045ENOLCK\0No locks available\0"
			     "\046ENOSYS\0Function not implemented\0"
			     "\047ENOTEMPTY\0Directory not empty\0"
			     "\050ELOOP\0Too many levels of symbolic links\0"
			     "\052ENOMSG\0No message of desired type\0"
			     "\075ENODATA\0No data available\0"
			     "\076ETIME\0Timer expired\0"
			     "\107EPROTO\0Protocol error\0"
			     "\112EBADMSG\0Bad message\0"
			     "\113EOVERFLOW\0Value too large for defined data type\0"
			     "\124EILSEQ\0Invalid or incomplete multibyte or wide character\0"
			     "\127EUSERS\0Too many users\0"
			     "\130ENOTSOCK\0Socket operation on non-socket\0"
			     "\131EDESTADDRREQ\0Destination address required\0"
			     "\132EMSGSIZE\0Message too long\0"
			     "\133EPROTOTYPE\0Protocol wrong type for socket\0"
			     "\134ENOPROTOOPT\0Protocol not available\0"
			     "\135EPROTONOSUPPORT\0Protocol not supported\0"
			     "\137EOPNOTSUPP\0Operation not supported\0"
			     "\141EAFNOSUPPORT\0Address family not supported by protocol\0"
			     "\142EADDRINUSE\0Address already in use\0"
			     "\143EADDRNOTAVAIL\0Cannot assign requested address\0"
			     "\144ENETDOWN\0Network is down\0"
			     "\145ENETUNREACH\0Network is unreachable\0"
			     "\147ECONNABORTED\0Software caused connection abort\0"
			     "\150ECONNRESET\0Connection reset by peer\0"
			     "\151ENOBUFS\0No buffer space available\0"
			     "\152EISCONN\0Transport endpoint is already connected\0"
			     "\153ENOTCONN\0Transport endpoint is not connected\0"
			     "\156ETIMEDOUT\0Connection timed out\0"
			     "\157ECONNREFUSED\0Connection refused\0"
			     "\161EHOSTUNREACH\0No route to host\0"
			     "\162EALREADY\0Operation already in progress\0"
			     "\163EINPROGRESS\0Operation now in progress\0"
			     "\165EUCLEAN\0Structure needs cleaning\0"
			     "\175ECANCELED\0Operation canceled\0";

enum { ERROR_MAX = 133, STRING_SHOWN = 32 };

/* The text behind the number's byte; NULL: unknown. */
static const char *find_error(int number)
{
	const char *end = errors + sizeof(errors) - 1;

	for (const char *at = errors; at < end;) {
		if ((unsigned char)*at == number)
			return at + 1;
		at += strlen(at) + 1; /* the number is the name's first byte */
		at += strlen(at) + 1;
	}
	return NULL;
}

const char *errno_name(int number)
{
	return number > 0 && number <= ERROR_MAX ? find_error(number) : NULL;
}

static void put(struct text *t, const char *fmt, ...) printf_like(2, 3);

static void put(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = format_va(t->at + t->used, t->size - t->used, fmt, args);
	va_end(args);
	t->used = min(t->used + (size_t)max(n, 0), t->size - 1);
}

static void put_flags(struct text *t, uint64_t value, const struct flag_name *names,
		      const char *none)
{
	bool first = true;

	for (const struct flag_name *f = names; f->bit; f++) {
		if ((value & f->bit) != f->bit)
			continue;
		put(t, "%s%s", first ? "" : "|", f->name);
		value &= ~(uint64_t)f->bit;
		first = false;
	}
	if (value)
		put(t, "%s0x%llx", first ? "" : "|", (unsigned long long)value);
	else if (first)
		put(t, "%s", none);
}

static void put_byte(struct text *t, unsigned char c)
{
	if (c == '\n')
		put(t, "\\n");
	else if (c == '\t')
		put(t, "\\t");
	else if (c == '"' || c == '\\')
		put(t, "\\%c", c);
	else if (c < ' ' || c > '~')
		put(t, "\\%o", c);
	else
		put(t, "%c", c);
}

/* Up to STRING_SHOWN of `bytes`, or up to the NUL where `is_string`. */
static void put_memory(struct text *t, const struct trace_call *call, uintptr_t address,
		       size_t bytes, bool is_string)
{
	size_t shown = min(bytes, (size_t)STRING_SHOWN);
	char c;

	if (!address) {
		put(t, "NULL");
		return;
	}
	if (bytes && call->read(&c, address, 1)) {
		put(t, "0x%llx", (unsigned long long)address);
		return;
	}
	put(t, "\"");
	size_t at = 0;
	for (; at < shown; at++) {
		if (call->read(&c, address + at, 1) || (is_string && !c))
			break;
		put_byte(t, (unsigned char)c);
	}
	bool more = at == shown && bytes > shown;
	if (more && is_string)
		more = !call->read(&c, address + at, 1) && c;
	put(t, "\"%s", more ? "..." : "");
}

static void put_time(struct text *t, const struct trace_call *call, uintptr_t address)
{
	struct linux_timespec time;

	if (!address)
		put(t, "NULL");
	else if (call->read(&time, address, sizeof(time)))
		put(t, "0x%llx", (unsigned long long)address);
	else
		put(t, "{tv_sec=%lld, tv_nsec=%lld}", (long long)time.seconds,
		    (long long)time.nanoseconds);
}

static void put_choice(struct text *t, long value, const char *names)
{
	long n = 0;

	for (const char *at = names; *at; at += strlen(at) + 1, n++)
		if (n == value) {
			put(t, "%s", at);
			return;
		}
	put(t, "%ld", value);
}

static void put_signal(struct text *t, int signo)
{
	char buffer[12];

	if (signo >= 1 && signo <= SIGNAL_MAX)
		put(t, "%s", signal_name(signo, buffer));
	else
		put(t, "%d", signo);
}

static void put_open_flags(struct text *t, uint64_t value)
{
	put_choice(t, (long)(value & 3), "O_RDONLY\0O_WRONLY\0O_RDWR\0");
	if (value & ~(uint64_t)3) {
		put(t, "|");
		put_flags(t, value & ~(uint64_t)3, open_flags, "");
	}
}

/* Letters that need more than a number. False: another one. */
static bool put_special(struct text *t, const struct trace_call *call, char letter, int i)
{
	long value = call->args[i];

	switch (letter) {
	case 's':
		put_memory(t, call, (uintptr_t)value, STRING_SHOWN + 1, true);
		return true;
	case 'b':
		put_memory(t, call, (uintptr_t)value, i < 5 ? (size_t)call->args[i + 1] : 0, false);
		return true;
	case 'B':
		if (!call->returned || call->result < 0)
			return false;
		put_memory(t, call, (uintptr_t)value, (size_t)call->result, false);
		return true;
	case 't':
		put_time(t, call, (uintptr_t)value);
		return true;
	case 'o':
		put_open_flags(t, (uint64_t)value & UINT32_MAX);
		return true;
	case 'A':
		put_flags(t, (uint64_t)value & UINT32_MAX, at_flags, "0");
		return true;
	case 'P':
		put_flags(t, (uint64_t)value, prot_flags, "PROT_NONE");
		return true;
	case 'M':
		put_flags(t, (uint64_t)value, map_flags, "0");
		return true;
	default:
		return false;
	}
}

static void put_argument(struct text *t, const struct trace_call *call, char letter, int i)
{
	long value = call->args[i];

	if (put_special(t, call, letter, i))
		return;
	if (letter == 'a' && (int)value == AT_FDCWD)
		put(t, "AT_FDCWD");
	else if (letter == 'f' || letter == 'a')
		put(t, "%d", (int)value);
	else if (letter == 'd')
		put(t, "%ld", value == (long)(uint32_t)value ? (long)(int)value : value);
	else if (letter == 'g')
		put_signal(t, (int)value);
	else if (letter == 'm')
		put(t, "%#o", (unsigned)value);
	else if (letter == 'h')
		put_choice(t, (int)value, "SIG_BLOCK\0SIG_UNBLOCK\0SIG_SETMASK\0");
	else if (letter == 'w')
		put_choice(t, (int)value, "SEEK_SET\0SEEK_CUR\0SEEK_END\0SEEK_DATA\0SEEK_HOLE\0");
	else if (letter == 'c')
		put_choice(t, (int)value,
			   "CLOCK_REALTIME\0CLOCK_MONOTONIC\0CLOCK_PROCESS_CPUTIME_ID\0"
			   "CLOCK_THREAD_CPUTIME_ID\0CLOCK_MONOTONIC_RAW\0");
	else if (letter == 'x')
		put(t, "%#llx", (unsigned long long)value);
	else if (letter == 'u')
		put(t, "%llu", (unsigned long long)value);
	else if (!value)
		put(t, "NULL");
	else
		put(t, "0x%llx", (unsigned long long)value);
}

static void put_result(struct text *t, const struct trace_call *call)
{
	int error = (int)-call->result;

	if (!call->returned) {
		put(t, "?");
	} else if (call->result < 0 && call->result >= -4095) {
		const char *name = errno_name(error);

		if (name)
			put(t, "-1 %s (%s)", name, name + strlen(name) + 1);
		else if (error >= ERESTARTSYS && error <= ERESTART_RESTARTBLOCK)
			put(t, "? (to be restarted)");
		else
			put(t, "-1 (error %d)", error);
	} else if (call->format[0] == '*') {
		put(t, "0x%llx", (unsigned long long)call->result);
	} else {
		put(t, "%ld", call->result);
	}
}

/* Whether the argument is the mode of an open() that makes no file. */
static bool is_idle_mode(const struct trace_call *call, const char *letters, int i)
{
	return letters[i] == 'm' && i && letters[i - 1] == 'o' &&
	       !(call->args[i - 1] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)));
}

size_t trace_format(const struct trace_call *call, char *line, size_t size)
{
	struct text t = { line, size, 0 };
	const char *letters = call->format + (call->format[0] == '*');

	put(&t, "%s(", call->name);
	for (int i = 0; letters[i] && i < 6 && !is_idle_mode(call, letters, i); i++) {
		if (i)
			put(&t, ", ");
		put_argument(&t, call, letters[i], i);
	}
	put(&t, ") = ");
	put_result(&t, call);
	return t.used;
}
