/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line. Words are taken apart as Linux does it (lib/cmdline.c, next_arg; init/main.c,
 * unknown_bootoption), so that what its users know about quotes holds here. The caller's memory is
 * laid out as: pointers to words, the words, and the line for /proc/cmdline. Look-ups scan the
 * words: there are few, and each is looked for a few times in all.
 */
#include <core/params.h>

#include <base/bits.h>
#include <base/log.h>
#include <base/string.h>

/* Names that the kernel knows, or that Linux knows and people or VMMs pass although they mean
 * nothing here: they are not handed to the program as environment. A name with a dot is a module's
 * parameter in Linux, and never environment. */
static const char *const known_names[] = {
	"acpi",        "acpi_rsdp", "argv0",      "args",     "apic",     "clearcpuid",
	"clocksource", "console",   "cwd",        "debug",    "earlycon", "earlyprintk",
	"env",         "hostname",  "init",       "initrd",   "ip",       "kaslr",
	"lapic",       "loglevel",  "lpj",        "maxcpus",  "mem",      "memmap",
	"mitigations", "noapic",    "nokaslr",    "nolapic",  "nomodule", "nosmap",
	"nosmep",      "nosmp",     "nox2apic",   "noxsave",  "panic",    "pci",
	"quiet",       "rdinit",    "reboot",     "resume",   "ro",       "root",
	"rootdelay",   "rootflags", "rootfstype", "rootwait", "rw",       "seed",
	"selinux",     "stdin",     "stdout",     "strace",   "swiotlb",  "tsc",
	"tsi_hijack",  "wall",      "winsize",    "devices",
};

/* A quadratic search for an older setting of the same variable ends here; past it both stay, and
 * the program takes the first. */
enum { ENV_REPLACED_MAX = 1024 };

enum { SHORT_LINE_BYTES = 512 };

/* A word as it stands in the line, quotes taken off. */
struct word {
	const char *start, *end; /* with the quotes */
	const char *name;
	const char *value; /* NULL: no '=' */
	size_t name_bytes, value_bytes;
	bool unbalanced;
};

static char *no_words[1];

static struct {
	char **words; /* all of the kernel's, in order, NULL at the end */
	char **words_end;
	char **args;
	char **env;
	const char *line;
} params = { no_words, no_words, no_words, no_words, "" };

/* White space; NUL cannot end a line whose length we were told. */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

/* The next word at or after `at`; false at the end. */
static bool next_word(const char *at, const char *end, struct word *out)
{
	bool in_quotes = false, quoted;
	const char *equals = NULL, *p;

	while (at < end && is_space(*at))
		at++;
	if (at == end)
		return false;
	out->start = at;
	quoted = *at == '"';
	if (quoted) {
		in_quotes = true;
		at++;
	}
	for (p = at; p < end && (in_quotes || !is_space(*p)); p++) {
		if (!equals && *p == '=' && p > at)
			equals = p;
		if (*p == '"')
			in_quotes = !in_quotes;
	}
	out->end = p;
	out->unbalanced = in_quotes;
	out->name = at;
	out->value = equals ? equals + 1 : NULL;
	/* One closing quote belongs to the quote around the value, or else to that around the word.
	 */
	if (equals && out->value < p && *out->value == '"') {
		out->value++;
		quoted = true;
	}
	if (quoted && p > (out->value ? out->value : at) && p[-1] == '"')
		p--;
	out->name_bytes = (size_t)((equals ? equals : p) - at);
	out->value_bytes = equals ? (size_t)(p - out->value) : 0;
	return true;
}

static bool word_is_dashes(const struct word *word)
{
	return !word->value && word->name_bytes == 2 && !memcmp(word->name, "--", 2);
}

static char same_dash(char c)
{
	return c == '-' ? '_' : c;
}

/* Whether `text` begins with `name`, all of it. */
static bool name_matches(const char *text, size_t bytes, const char *name)
{
	size_t i;

	for (i = 0; i < bytes && name[i]; i++) {
		if (same_dash(text[i]) != same_dash(name[i]))
			return false;
	}
	return i == bytes && !name[i];
}

/* Written out, not a table: this also runs before relocation, when a table's pointers are wrong. */
static bool value_is_off(const char *value, size_t bytes)
{
	switch (bytes) {
	case 1:
		return *value == '0' || *value == 'n' || *value == 'N';
	case 2:
		return !memcmp(value, "no", 2);
	case 3:
		return !memcmp(value, "off", 3);
	case 5:
		return !memcmp(value, "false", 5);
	default:
		return false;
	}
}

bool params_early_flag(const char *line, size_t bytes, const char *name)
{
	struct word word = { .end = line };
	bool set = false;

	while (bytes && next_word(word.end, line + bytes, &word)) {
		if (word_is_dashes(&word))
			break;
		if (name_matches(word.name, word.name_bytes, name))
			set = !word.value || !value_is_off(word.value, word.value_bytes);
	}
	return set;
}

/* No fewer than the line has: a quoted space is counted as a border between two. A short line is
 * not looked at: every other character could be a word. */
static size_t words_at_most(const char *line, size_t bytes)
{
	size_t count = 0;

	if (bytes <= SHORT_LINE_BYTES)
		return (bytes + 1) / 2;
	for (size_t i = 0; i < bytes; i++)
		count += !is_space(line[i]) && (!i || is_space(line[i - 1]));
	return count;
}

/* Each word is in one of words and args, and may be in env as well; three lists end in NULL. */
static size_t pointers_at_most(const char *line, size_t bytes)
{
	return 2 * words_at_most(line, bytes) + 3;
}

/* A length that counts the terminator, or a field padded with them, is nothing to warn about. */
static size_t without_padding(const char *line, size_t bytes)
{
	while (bytes && !line[bytes - 1])
		bytes--;
	return bytes;
}

size_t params_memory_bytes(const char *line, size_t bytes)
{
	bytes = without_padding(line, bytes);
	return pointers_at_most(line, bytes) * sizeof(char *) + 2 * (bytes + 1);
}

static bool is_known(const char *name, size_t bytes)
{
	/* All of them begin with a small letter, and variables of an environment seldom do. */
	if (*name < 'a')
		return false;
	for (size_t i = 0; i < countof(known_names); i++) {
		if (*name == *known_names[i] && name_matches(name, bytes, known_names[i]))
			return true;
	}
	return false;
}

/* `size@base:irq[:id]`, as VMMs write it. */
static bool is_device_word(const char *text)
{
	static const char name[] = "virtio_mmio.device=";
	uint64_t number;

	if (strncmp(text, name, sizeof(name) - 1))
		return false;
	text += sizeof(name) - 1;
	return params_read_number(&text, &number) && *text++ == '@' &&
	       params_read_number(&text, &number) && *text++ == ':' &&
	       params_read_number(&text, &number) && (!*text || *text == ':');
}

/* Words that a VMM appends for itself and that no program would want as its last argument. */
static bool is_vmm_word(const char *text)
{
	return is_device_word(text) || !strcmp(text, "pci=off") || !strcmp(text, "tsi_hijack");
}

/* Words that a VMM appends behind one of those: Firecracker's root device, libkrun's end. */
static bool may_follow_vmm_word(const char *text)
{
	return !strncmp(text, "root=", 5) || !strcmp(text, "ro") || !strcmp(text, "rw") ||
	       !strcmp(text, "--");
}

/* Of the words behind ` -- `, those at the end that are the VMM's: Firecracker before 1.0 and QEMU
 * append to the whole line. */
static char **find_vmm_words(char **args, char **end)
{
	char **first = end;

	for (char **at = end; at-- > args;) {
		if (is_vmm_word(*at))
			first = at;
		else if (!may_follow_vmm_word(*at))
			break;
	}
	return first;
}

/* Replaces an older setting of the same variable, as Linux does, or appends. */
static char **add_env(char **env, char **end, char *setting)
{
	size_t bytes = (size_t)(strchr(setting, '=') - setting) + 1;

	for (char **at = env; at < end && end - env <= ENV_REPLACED_MAX; at++) {
		if (!strncmp(*at, setting, bytes)) {
			*at = setting;
			return end;
		}
	}
	*end++ = setting;
	return end;
}

/* Environment: NAME=value, where no kernel would know the name. */
static bool is_env(const char *text)
{
	const char *equals = strchr(text, '=');
	size_t bytes;

	if (!equals || equals == text)
		return false;
	bytes = (size_t)(equals - text);
	return !memchr(text, '.', bytes) && !is_known(text, bytes);
}

static char **collect_env(char **env)
{
	char **end = env;

	for (char **word = params.words; word < params.words_end; word++) {
		if (is_env(*word))
			end = add_env(env, end, *word);
	}
	*end = NULL;
	return end;
}

/* The line's form for /proc/cmdline: seed= words are left out, NULs are spaces. */
struct line_copy {
	char *end;
	const char *from;
	bool nul, control; /* what was met on the way */
};

static void copy_line_to(struct line_copy *copy, const char *until)
{
	for (; copy->from < until; copy->from++) {
		char c = *copy->from;

		if ((unsigned char)c < ' ' || c == 0x7f) {
			copy->nul |= !c;
			copy->control |= !is_space(c);
			c = c ? c : ' ';
		}
		*copy->end++ = c;
	}
}

static char *copy_word(char *to, const struct word *word)
{
	memcpy(to, word->name, word->name_bytes);
	to += word->name_bytes;
	if (word->value) {
		*to++ = '=';
		memcpy(to, word->value, word->value_bytes);
		to += word->value_bytes;
	}
	*to++ = '\0';
	return to;
}

/* The words go to `text`, pointers to them to `list`; returns the list's end, and in *args the
 * first behind ` -- `. */
static char **split(const char *line, const char *end, char **list, char *text, char ***args)
{
	struct line_copy copy = { .end = text + (end - line) + 1, .from = line };
	struct word word = { .end = line };
	bool unbalanced = false;

	*args = NULL;
	params.line = copy.end;
	while (next_word(word.end, end, &word)) {
		unbalanced |= word.unbalanced;
		if (!*args && word_is_dashes(&word)) {
			*args = list;
			continue;
		}
		if (!*args && name_matches(word.name, word.name_bytes, "seed")) {
			copy_line_to(&copy, word.start);
			copy.from = word.end;
		}
		*list++ = text;
		text = copy_word(text, &word);
	}
	copy_line_to(&copy, end);
	*copy.end = '\0';
	if (!*args)
		*args = list;
	if (unbalanced)
		log_warning("command line: a quote is not closed");
	if (copy.nul)
		log_warning("command line: NUL bytes inside, taken as spaces");
	if (copy.control)
		log_warning("command line: control characters inside");
	return list;
}

/* Makes room for the NULL between the kernel's words and the arguments, and brings the VMM's words,
 * which stand last, before it: words args vmm -> words vmm NULL args NULL. Returns the end. */
static char **arrange(char **args, char **end)
{
	char **vmm = find_vmm_words(args, end);
	size_t arg_count = (size_t)(vmm - args), vmm_count = (size_t)(end - vmm);

	/* The free half of the list is scratch space: it has room for as many pointers as there are
	 * words. */
	memcpy(end + 1, args, arg_count * sizeof(*args));
	memmove(args, vmm, vmm_count * sizeof(*args));
	args[vmm_count] = NULL;
	params.words_end = args + vmm_count;
	params.args = params.words_end + 1;
	memmove(params.args, end + 1, arg_count * sizeof(*args));
	params.args[arg_count] = NULL;
	return params.args + arg_count + 1;
}

void params_parse(const char *line, size_t bytes, void *memory)
{
	char **list = memory, **args, **end;

	bytes = without_padding(line, bytes);
	if (!bytes)
		line = "";
	params.words = list;
	end = split(line, line + bytes, list, (char *)(list + pointers_at_most(line, bytes)),
		    &args);
	params.env = arrange(args, end);
	if (collect_env(params.env) - params.env > ENV_REPLACED_MAX)
		log_warning("command line: more than %d environment variables", ENV_REPLACED_MAX);
}

/* What follows `name` in `word`: its value, "" for the bare name, NULL where it is another word. */
static const char *value_of(const char *word, const char *name)
{
	for (; *name; word++, name++) {
		if (same_dash(*word) != same_dash(*name))
			return NULL;
	}
	return *word == '=' ? word + 1 : *word ? NULL : word;
}

const char *params_get(const char *name)
{
	for (char **word = params.words_end; word-- > params.words;) {
		const char *value = value_of(*word, name);

		if (value)
			return value;
	}
	return NULL;
}

bool params_flag(const char *name)
{
	const char *value = params_get(name);

	return value && !value_is_off(value, strlen(value));
}

static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

static unsigned suffix_shift(char c)
{
	switch (c | 0x20) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	default:
		return 0;
	}
}

bool params_read_number(const char **text, uint64_t *out)
{
	const char *at = *text;
	unsigned base = 10, shift;
	uint64_t number = 0;

	if (at[0] == '0' && (at[1] | 0x20) == 'x') {
		base = 16;
		at += 2;
	}
	if (digit_of(*at) >= base)
		return false;
	for (; digit_of(*at) < base; at++) {
		if (mul_overflows(number, base, &number) ||
		    add_overflows(number, digit_of(*at), &number))
			return false;
	}
	shift = suffix_shift(*at);
	if (shift && number >> (64 - shift))
		return false;
	*out = number << shift;
	*text = at + (shift != 0);
	return true;
}

uint64_t params_number(const char *name, uint64_t fallback)
{
	const char *value = params_get(name), *at = value;
	uint64_t number;

	if (!value)
		return fallback;
	if (!params_read_number(&at, &number) || *at) {
		log_warning("%s=%s is not a number", name, value);
		return fallback;
	}
	return number;
}

void params_each(const char *name, void (*fn)(void *context, const char *value), void *context)
{
	for (char **word = params.words; word < params.words_end; word++) {
		const char *value = value_of(*word, name);

		if (value && value[-1] == '=')
			fn(context, value);
	}
}

char *const *params_args(void)
{
	return params.args;
}

char *const *params_env(void)
{
	return params.env;
}

const char *params_line(void)
{
	return params.line;
}
