/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernel messages: one line is formatted on the caller's stack and handed to the sink in one piece.
 * What comes from outside (a parameter, a name in a table) may be in it: control characters are
 * replaced, since an escape sequence could forge the status record (<core/status.h>).
 */
#include <core/log.h>

#include <base/bits.h>
#include <base/format.h>
#include <base/string.h>
#include <core/lock.h>
#include <core/params.h>
#include <stdarg.h>

enum {
	LINE_BYTES = 256, /* with prefix and newline; longer messages are cut and end in "..." */
	KEPT_BYTES = 2048,
};

static const char prefix[] = "[capuchin] ";

static struct {
	struct spinlock lock;
	log_sink *sink;        /* [lock] */
	uint32_t kept_bytes;   /* [lock] */
	uint32_t kept_lost;    /* [lock] messages that did not fit */
	enum log_level level;  /* 0: not set, LOG_ERROR */
	bool level_known;      /* before that, everything is kept */
	char kept[KEPT_BYTES]; /* [lock] records: level, length - 1, the line */
} state;

enum log_level log_level(void)
{
	return state.level ? state.level : LOG_ERROR;
}

void log_set_level(enum log_level level)
{
	state.level = level;
	state.level_known = true;
}

void log_read_params(void)
{
	enum log_level level = LOG_ERROR;

	if (params_flag("debug"))
		level = LOG_DEBUG;
	if (params_get("loglevel")) {
		uint64_t number = params_number("loglevel", LOG_ERROR + 1);

		level = (enum log_level)(
			min(max(number, (uint64_t)LOG_ERROR + 1), (uint64_t)LOG_DEBUG + 1) - 1);
	}
	if (params_flag("quiet"))
		level = LOG_ERROR;
	log_set_level(level);
}

/* Ends the line that format_va() began, which wanted `length` bytes; returns its length, newline
 * included. */
static size_t finish_line(char line[LINE_BYTES], size_t length)
{
	if (length > LINE_BYTES - 2) {
		length = LINE_BYTES - 2;
		memcpy(line + length - 3, "...", 3);
	}
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[length] = '\n';
	return length + 1;
}

static void keep_line(enum log_level level, const char *line, size_t count) REQUIRES(state.lock)
{
	if (!range_fits(state.kept_bytes, count + 2, KEPT_BYTES)) {
		state.kept_lost++;
		return;
	}
	char *record = state.kept + state.kept_bytes;

	record[0] = (char)level;
	record[1] = (char)(count - 1);
	memcpy(record + 2, line, count);
	state.kept_bytes += (uint32_t)count + 2;
}

void log_message(enum log_level level, const char *fmt, ...)
{
	char line[LINE_BYTES];
	log_sink *sink;
	va_list args;
	int length;

	if (state.level_known && level > log_level())
		return;
	memcpy(line, prefix, sizeof(prefix) - 1);
	va_start(args, fmt);
	length = format_va(line + sizeof(prefix) - 1, LINE_BYTES - (sizeof(prefix) - 1), fmt, args);
	va_end(args);
	size_t count = finish_line(line, (size_t)length + sizeof(prefix) - 1);

	spin_lock(&state.lock);
	sink = state.sink;
	if (!sink)
		keep_line(level, line, count);
	spin_unlock(&state.lock);
	if (sink && level <= log_level())
		sink(line, count);
}

/* Copies the record at *at to `line` and moves on; 0 behind the last one, when the sink has been
 * set in one step with finding that out, so that no line is lost between the two. */
static size_t next_kept(char line[LINE_BYTES], uint32_t *at, log_sink *sink, enum log_level *level)
{
	size_t count = 0;

	spin_lock(&state.lock);
	if (*at < state.kept_bytes) {
		const char *record = state.kept + *at;

		*level = (enum log_level)record[0];
		count = (size_t)(unsigned char)record[1] + 1;
		memcpy(line, record + 2, count);
		*at += (uint32_t)count + 2;
	} else {
		state.kept_bytes = 0;
		state.sink = sink;
	}
	spin_unlock(&state.lock);
	return count;
}

void log_set_sink(log_sink *sink)
{
	char line[LINE_BYTES];
	enum log_level level;
	uint32_t at = 0, lost;
	size_t count;

	if (!sink) {
		spin_lock(&state.lock);
		state.sink = NULL;
		spin_unlock(&state.lock);
		return;
	}
	while ((count = next_kept(line, &at, sink, &level))) {
		if (level <= log_level())
			sink(line, count);
	}
	lost = state.kept_lost;
	state.kept_lost = 0;
	if (lost)
		log_warning("%u early messages lost", lost);
}

void log_break_lock(void)
{
	spin_init(&state.lock);
}
