/* SPDX-License-Identifier: BSD-3-Clause */
/* Formatting as ISO C's snprintf does it (C17, 7.21.6.1), without floating point, wide characters and %n. Any context. */
#include <base/format.h>

#include <base/string.h>
#include <limits.h>

/* Where the text goes. `length` counts what did not fit as well. */
struct output {
	char *buffer;
	size_t size;
	size_t length;
};

enum spec_flags { LEFT = 1, ZERO = 2, PLUS = 4, SPACE = 8, ALTERNATE = 16 };

struct spec {
	unsigned flags;
	int width;
	int precision; /* -1: none given */
	char length;   /* 'H' hh, 'h', 'l' l, ll, z, j, t; 0 int */
};

/* 64 bits in octal, the sign and the prefix kept apart. */
enum { DIGITS_MAX = 22 };

static void put(struct output *out, char c)
{
	if (out->length + 1 < out->size)
		out->buffer[out->length] = c;
	out->length++;
}

static void put_all(struct output *out, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put(out, text[i]);
}

static void put_repeated(struct output *out, char c, long count)
{
	for (; count > 0; count--)
		put(out, c);
}

static void put_padded(struct output *out, const struct spec *spec, const char *text, size_t count)
{
	long pad = (long)spec->width - (long)count;

	if (!(spec->flags & LEFT))
		put_repeated(out, ' ', pad);
	put_all(out, text, count);
	if (spec->flags & LEFT)
		put_repeated(out, ' ', pad);
}

/* The digits of `value` at the end of `digits`; returns how many. */
static size_t to_digits(char digits[DIGITS_MAX], uint64_t value, unsigned base, char ten)
{
	size_t count = 0;

	for (; value; value /= base) {
		unsigned digit = (unsigned)(value % base);

		digits[DIGITS_MAX - ++count] = (char)(digit < 10 ? '0' + digit : ten + digit - 10);
	}
	return count;
}

static void put_number(struct output *out, const struct spec *spec, const char *prefix,
		       const char *digits, size_t count)
{
	size_t prefix_count = strlen(prefix);
	/* Precision is the least number of digits; without one it is 1. */
	long zeros = (spec->precision < 0 ? 1 : spec->precision) - (long)count;
	long pad;

	if (zeros < 0)
		zeros = 0;
	pad = spec->width - zeros - (long)(count + prefix_count);
	if (pad > 0 && spec->flags & ZERO && !(spec->flags & LEFT) && spec->precision < 0) {
		zeros += pad;
		pad = 0;
	}
	if (!(spec->flags & LEFT))
		put_repeated(out, ' ', pad);
	put_all(out, prefix, prefix_count);
	put_repeated(out, '0', zeros);
	put_all(out, digits, count);
	if (spec->flags & LEFT)
		put_repeated(out, ' ', pad);
}

static void put_unsigned(struct output *out, struct spec *spec, uint64_t value, char conversion)
{
	char digits[DIGITS_MAX];
	unsigned base = conversion == 'u' ? 10 : conversion == 'o' ? 8 : 16;
	size_t count = to_digits(digits, value, base, conversion == 'X' ? 'A' : 'a');
	const char *prefix = "";

	if (spec->flags & ALTERNATE && base == 8 && spec->precision <= (int)count)
		spec->precision = (int)count + 1;
	if (spec->flags & ALTERNATE && base == 16 && value)
		prefix = conversion == 'X' ? "0X" : "0x";
	put_number(out, spec, prefix, digits + DIGITS_MAX - count, count);
}

static void put_signed(struct output *out, const struct spec *spec, int64_t value)
{
	char digits[DIGITS_MAX];
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
	size_t count = to_digits(digits, magnitude, 10, 0);
	const char *prefix = "";

	if (value < 0)
		prefix = "-";
	else if (spec->flags & PLUS)
		prefix = "+";
	else if (spec->flags & SPACE)
		prefix = " ";
	put_number(out, spec, prefix, digits + DIGITS_MAX - count, count);
}

static void put_string(struct output *out, const struct spec *spec, const char *text)
{
	size_t limit = spec->precision < 0 ? SIZE_MAX : (size_t)spec->precision;

	if (!text)
		text = "(null)";
	put_padded(out, spec, text, strnlen(text, limit));
}

static unsigned flag_of(char c)
{
	switch (c) {
	case '-':
		return LEFT;
	case '0':
		return ZERO;
	case '+':
		return PLUS;
	case ' ':
		return SPACE;
	case '#':
		return ALTERNATE;
	default:
		return 0;
	}
}

/* A va_list inside a struct, so that helpers can take from it whatever the ABI makes of the type. */
struct arguments {
	va_list list;
};

/* A number or "*"; what does not fit an int is a format nobody writes, and ends at its largest value. */
static const char *parse_count(const char *fmt, struct arguments *args, int *count)
{
	*count = 0;
	if (*fmt == '*') {
		*count = va_arg(args->list, int);
		return fmt + 1;
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++) {
		if (__builtin_mul_overflow(*count, 10, count) ||
		    __builtin_add_overflow(*count, *fmt - '0', count))
			*count = INT_MAX;
	}
	return fmt;
}

static const char *parse_length(const char *fmt, char *length)
{
	*length = 0;
	if (*fmt == 'h') {
		*length = fmt[1] == 'h' ? 'H' : 'h';
		return fmt + (*length == 'H' ? 2 : 1);
	}
	if (*fmt == 'l' || *fmt == 'z' || *fmt == 'j' || *fmt == 't') {
		*length = 'l';
		return fmt + (fmt[0] == 'l' && fmt[1] == 'l' ? 2 : 1);
	}
	return fmt;
}

/* Reads what stands between '%' and the conversion's letter. */
static const char *parse_spec(const char *fmt, struct arguments *args, struct spec *spec)
{
	*spec = (struct spec){ .precision = -1 };
	for (unsigned flag; (flag = flag_of(*fmt)); fmt++)
		spec->flags |= flag;
	fmt = parse_count(fmt, args, &spec->width);
	if (spec->width < 0) {
		spec->flags |= LEFT;
		spec->width = spec->width == INT_MIN ? INT_MAX : -spec->width;
	}
	if (*fmt == '.') {
		fmt = parse_count(fmt + 1, args, &spec->precision);
		if (spec->precision < 0)
			spec->precision = -1;
	}
	return parse_length(fmt, &spec->length);
}

static int64_t signed_argument(struct arguments *args, char length)
{
	if (length == 'l')
		return va_arg(args->list, int64_t);
	int value = va_arg(args->list, int);

	return length == 'H' ? (signed char)value : length == 'h' ? (short)value : value;
}

static uint64_t unsigned_argument(struct arguments *args, char length)
{
	if (length == 'l')
		return va_arg(args->list, uint64_t);
	unsigned value = va_arg(args->list, unsigned);

	return length == 'H' ? (uint8_t)value : length == 'h' ? (uint16_t)value : value;
}

static void put_conversion(struct output *out, struct spec *spec, struct arguments *args, char c)
{
	char one;

	switch (c) {
	case 'd':
	case 'i':
		put_signed(out, spec, signed_argument(args, spec->length));
		break;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_unsigned(out, spec, unsigned_argument(args, spec->length), c);
		break;
	case 'p':
		spec->flags |= ALTERNATE;
		put_unsigned(out, spec, (uintptr_t)va_arg(args->list, void *), 'x');
		break;
	case 'c':
		one = (char)va_arg(args->list, int);
		put_padded(out, spec, &one, 1);
		break;
	case 's':
		put_string(out, spec, va_arg(args->list, const char *));
		break;
	default: /* '%', or a letter that the compiler has warned about */
		put(out, c);
		break;
	}
}

int format_va(char *buffer, size_t size, const char *fmt, va_list list)
{
	struct output out = { .buffer = buffer, .size = size };
	struct arguments args;
	struct spec spec;

	va_copy(args.list, list);
	while (*fmt) {
		if (*fmt != '%') {
			put(&out, *fmt++);
			continue;
		}
		fmt = parse_spec(fmt + 1, &args, &spec);
		if (*fmt)
			put_conversion(&out, &spec, &args, *fmt++);
	}
	va_end(args.list);
	if (size)
		buffer[out.length < size ? out.length : size - 1] = '\0';
	return out.length > INT_MAX ? INT_MAX : (int)out.length;
}

int format(char *buffer, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = format_va(buffer, size, fmt, args);
	va_end(args);
	return length;
}
