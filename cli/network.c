/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of the network, from words to QEMU's and the kernel's. */
#include "network.h"

#include "report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT_MAX = 65535, PREFIX_MAX = 30, TAP_NAME_MAX = IFNAMSIZ - 1 };

/* QEMU's network, where no --ip names another: the machine, QEMU as router, QEMU as name server. */
#define USER_NETWORK 0x0a000200
enum { USER_PREFIX = 24, USER_ROUTER = 2, USER_NAMES = 3, USER_MACHINE = 15 };

/* 10.213.0.0/16, of which each tap that is made gets four addresses: the network's, the host's, the machine's, broadcast. */
#define TAP_NETWORKS 0x0ad50000
enum { TAP_PREFIX = 30, TAP_NETWORK_COUNT = 1 << 14, TAP_HOST = 1, TAP_MACHINE = 2 };

/* --- words --------------------------------------------------------------------------------------- */

/* A number up to `limit` that is all of [word, end). */
static bool read_number(const char *word, const char *end, unsigned long limit, unsigned long *out)
{
	*out = 0;
	if (word == end || end - word > 5)
		return false;
	for (; word < end; word++) {
		if (*word < '0' || *word > '9')
			return false;
		*out = 10 * *out + (unsigned long)(*word - '0');
	}
	return *out <= limit;
}

static bool read_address(const char *word, size_t bytes, struct in_addr *out)
{
	char *text = format_string("%.*s", (int)bytes, word);
	bool good = inet_pton(AF_INET, text, out) == 1;

	free(text);
	return good;
}

static bool read_port(const char *word, const char *end, uint16_t *out)
{
	unsigned long port;
	bool good = read_number(word, end, PORT_MAX, &port) && port;

	*out = (uint16_t)port;
	return good;
}

bool network_take_kind(struct network *n, const char *word)
{
	n->kind_given = true;
	n->tap = NULL;
	if (!strcmp(word, "none") || !strcmp(word, "user")) {
		n->kind = *word == 'n' ? NETWORK_NONE : NETWORK_USER;
		return true;
	}
	n->kind = NETWORK_TAP;
	if (!strcmp(word, "tap"))
		return true;
	n->tap = word + strlen("tap=");
	return !strncmp(word, "tap=", 4) && n->tap[0] && strlen(n->tap) <= TAP_NAME_MAX &&
	       !strpbrk(n->tap, "/, ");
}

/* [ADDR:]HOST:GUEST[/PROTOCOL] */
bool network_take_publish(struct network *n, const char *word)
{
	struct publish p = { 0 };
	const char *end = word + strcspn(word, "/");
	const char *guest = memrchr(word, ':', (size_t)(end - word));

	if (*end && strcmp(end, "/udp") && strcmp(end, "/tcp"))
		return false;
	p.udp = !strcmp(end, "/udp");
	if (!guest || !read_port(guest + 1, end, &p.guest_port))
		return false;
	const char *host = memrchr(word, ':', (size_t)(guest - word));
	if (!read_port(host ? host + 1 : word, guest, &p.host_port))
		return false;
	if (host && !read_address(word, (size_t)(host - word), &p.host))
		return false;
	n->published = realloc(n->published, (n->published_count + 1) * sizeof p);
	if (!n->published)
		report_out_of_memory();
	n->published[n->published_count++] = p;
	return true;
}

static uint32_t mask_of(unsigned prefix)
{
	return UINT32_MAX << (32 - prefix);
}

/* Whether a host can have it: RFC 1122, 3.2.1.3; RFC 1112, 4. */
static bool is_hosts(struct in_addr address)
{
	uint32_t a = ntohl(address.s_addr);

	return a >> 24 && a >> 24 != IN_LOOPBACKNET && a < INADDR_UNSPEC_GROUP;
}

/* Whether it is its network itself, or all of that network's hosts. */
static bool is_networks(struct in_addr address, unsigned prefix)
{
	uint32_t host = ntohl(address.s_addr) & ~mask_of(prefix);

	return !host || host == ~mask_of(prefix);
}

/* gw=ADDR or dns=ADDR */
static bool take_server(struct network *n, const char *word, size_t bytes)
{
	if (bytes > 3 && !memcmp(word, "gw=", 3))
		return read_address(word + 3, bytes - 3, &n->gateway) && is_hosts(n->gateway);
	if (bytes <= 4 || memcmp(word, "dns=", 4))
		return false;
	struct in_addr *free_one = n->dns[0].s_addr ? &n->dns[1] : &n->dns[0];
	return !free_one->s_addr && read_address(word + 4, bytes - 4, free_one);
}

/* dhcp, or ADDR/PREFIX[,gw=ADDR][,dns=ADDR]... */
bool network_take_address(struct network *n, const char *word)
{
	const char *end = word + strcspn(word, ",");
	const char *slash = memchr(word, '/', (size_t)(end - word));
	unsigned long prefix;

	n->dhcp = !strcmp(word, "dhcp");
	n->address = n->gateway = n->dns[0] = n->dns[1] = (struct in_addr){ 0 };
	if (n->dhcp)
		return true;
	if (!slash || !read_address(word, (size_t)(slash - word), &n->address) ||
	    !read_number(slash + 1, end, PREFIX_MAX, &prefix) || !prefix || !is_hosts(n->address) ||
	    is_networks(n->address, (unsigned)prefix))
		return false;
	n->prefix = (unsigned)prefix;
	while (*end) {
		word = end + 1;
		end = word + strcspn(word, ",");
		if (!take_server(n, word, (size_t)(end - word)))
			return false;
	}
	return true;
}

bool network_take_mac(struct network *n, const char *word)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *second = strchr(digits, word[0] ? word[1] : '\0');

	if (strlen(word) != strlen("52:54:00:12:34:56"))
		return false;
	for (size_t i = 0; word[i]; i++) {
		if (i % 3 == 2 ? word[i] != ':' : !strchr(digits, word[i]))
			return false;
	}
	n->mac = word;
	/* Nobody's is all zeros; an odd first byte is for groups. */
	return word[strspn(word, "0:")] && second && !((second - digits) & 1);
}

void network_free(struct network *n)
{
	free(n->published);
	*n = (struct network){ 0 };
}

/* --- what follows -------------------------------------------------------------------------------- */

static struct in_addr address_in(uint32_t network, unsigned host)
{
	return (struct in_addr){ htonl(network + host) };
}

static uint32_t network_of(const struct network *n)
{
	return ntohl(n->address.s_addr) & mask_of(n->prefix);
}

/* Router and name server are QEMU's, wherever they are told to be. */
static const char *finish_user(struct network *n)
{
	if (n->dhcp)
		return NULL;
	if (!n->address.s_addr) {
		n->address = address_in(USER_NETWORK, USER_MACHINE);
		n->prefix = USER_PREFIX;
	}
	uint32_t network = network_of(n);
	uint32_t machine = ntohl(n->address.s_addr) - network;

	if (n->prefix > 29)
		return "a network of QEMU's own has a prefix of at most 29";
	if (!n->gateway.s_addr)
		n->gateway = address_in(network, machine == USER_ROUTER ? 1 : USER_ROUTER);
	else if ((ntohl(n->gateway.s_addr) & mask_of(n->prefix)) != network)
		return "the gateway of --ip is not in its network";
	if (n->dns[0].s_addr)
		return NULL;
	unsigned names = USER_NAMES;
	while (names == machine || address_in(network, names).s_addr == n->gateway.s_addr)
		names++;
	n->dns[0] = address_in(network, names);
	return NULL;
}

bool network_wanted(const struct network *n)
{
	return n->published_count || n->mac || n->pcap || n->dhcp || n->address.s_addr;
}

static const char *finish_tap(struct network *n)
{
	if (!n->tap && n->dhcp)
		return "--ip dhcp needs a tap with a DHCP server behind it (--net tap=NAME)";
	if (!n->tap)
		return NULL;
	if (!n->address.s_addr)
		n->dhcp = true;
	if (n->dhcp && n->published_count)
		return "-p needs --net user, or the machine's address (--ip ADDR/PREFIX)";
	return NULL;
}

const char *network_finish(struct network *n, enum network_kind preferred)
{
	if (!n->kind_given && network_wanted(n))
		n->kind = preferred;
	if (n->kind == NETWORK_NONE && network_wanted(n))
		return "--net none goes with none of -p, --ip, --mac and --pcap";
	if (n->kind == NETWORK_NONE)
		return NULL;
	return n->kind == NETWORK_USER ? finish_user(n) : finish_tap(n);
}

bool network_makes_tap(const struct network *n)
{
	return n->kind == NETWORK_TAP && !n->tap;
}

const char *network_tap(const struct network *n)
{
	if (n->kind != NETWORK_TAP)
		return NULL;
	return n->tap ? n->tap : n->made;
}

struct in_addr network_mask(const struct network *n)
{
	return (struct in_addr){ htonl(mask_of(n->prefix)) };
}

bool network_choose(struct network *n, unsigned number)
{
	uint32_t network = TAP_NETWORKS + (number << (32 - TAP_PREFIX));

	if (number >= TAP_NETWORK_COUNT)
		return false;
	if (!n->address.s_addr) {
		n->address = address_in(network, TAP_MACHINE);
		n->prefix = TAP_PREFIX;
	}
	if (n->gateway.s_addr)
		return true;
	bool first = ntohl(n->address.s_addr) == network_of(n) + TAP_HOST;
	n->gateway = address_in(network_of(n), first ? TAP_MACHINE : TAP_HOST);
	return true;
}

/* --- ports --------------------------------------------------------------------------------------- */

/* A socket that has the port; a negative errno, reported. */
static int take_port(const struct publish *p)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = p->host,
		.sin_port = htons(p->host_port),
	};
	const int yes = 1;
	int fd = socket(AF_INET, (p->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? errno : 0;

	/* As QEMU does it: connections of an earlier machine may linger. */
	if (!err && !p->udp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (!err && bind(fd, (struct sockaddr *)&address, sizeof address))
		err = errno;
	if (!err && !p->udp && listen(fd, 1))
		err = errno;
	if (!err)
		return fd;
	report("port %u%s of the host%s%s: %s", p->host_port, p->udp ? "/udp" : "",
	       p->host.s_addr ? " at " : "", p->host.s_addr ? inet_ntoa(p->host) : "",
	       strerror(err));
	if (fd >= 0)
		close(fd);
	return -err;
}

int network_take_ports(const struct network *n, int *fds)
{
	for (size_t i = 0; i < n->published_count; i++) {
		fds[i] = take_port(&n->published[i]);
		if (fds[i] >= 0)
			continue;
		int err = fds[i];
		while (i)
			close(fds[--i]);
		return err;
	}
	return 0;
}

int network_check(const struct network *n)
{
	int *taken = calloc(n->published_count + 1, sizeof *taken);

	if (!taken)
		report_out_of_memory();
	int err = network_take_ports(n, taken);
	for (size_t i = 0; !err && i < n->published_count; i++)
		close(taken[i]);
	free(taken);
	return err;
}

/* --- QEMU and the kernel ------------------------------------------------------------------------- */

static void add_user(const struct network *n, struct text *netdev)
{
	char guest[INET_ADDRSTRLEN] = "", host[INET_ADDRSTRLEN] = "";

	text_printf(netdev, "user,id=net0");
	if (n->address.s_addr) {
		struct in_addr network = address_in(network_of(n), 0);

		inet_ntop(AF_INET, &n->address, guest, sizeof guest);
		text_printf(netdev, ",net=%s/%u", inet_ntoa(network), n->prefix);
		text_printf(netdev, ",host=%s", inet_ntoa(n->gateway));
		if ((ntohl(n->dns[0].s_addr) & mask_of(n->prefix)) == network_of(n))
			text_printf(netdev, ",dns=%s", inet_ntoa(n->dns[0]));
	}
	for (size_t i = 0; i < n->published_count; i++) {
		const struct publish *p = &n->published[i];

		host[0] = '\0';
		if (p->host.s_addr)
			inet_ntop(AF_INET, &p->host, host, sizeof host);
		text_printf(netdev, ",hostfwd=%s:%s:%u-%s:%u", p->udp ? "udp" : "tcp", host,
			    p->host_port, guest, p->guest_port);
	}
}

void network_add_mac(const struct network *n, struct text *out)
{
	unsigned char random[3];

	/* Two machines at one bridge must not have the same. */
	if (n->mac)
		text_printf(out, "%s", n->mac);
	else if (getrandom(random, sizeof random, 0) == sizeof random)
		text_printf(out, "52:54:00:%02x:%02x:%02x", random[0], random[1], random[2]);
}

void network_add_argv(const struct network *n, struct strings *argv, const char *device)
{
	struct text netdev = { 0 }, dump = { 0 }, nic = { 0 };

	if (n->kind == NETWORK_NONE)
		return;
	if (n->kind == NETWORK_USER)
		add_user(n, &netdev);
	else
		text_printf(&netdev, "tap,id=net0,ifname=%s,script=no,downscript=no",
			    network_tap(n));
	text_printf(&nic, "%s,netdev=net0", device);
	if (n->mac || n->kind == NETWORK_TAP) {
		text_printf(&nic, ",mac=");
		network_add_mac(n, &nic);
	}
	strings_add(argv, "-netdev");
	strings_add(argv, netdev.data);
	strings_add(argv, "-device");
	strings_add(argv, nic.data);
	if (n->pcap) {
		text_printf(&dump, "filter-dump,id=dump0,netdev=net0,file=");
		text_append_qemu(&dump, n->pcap);
		strings_add(argv, "-object");
		strings_add(argv, dump.data);
	}
	text_free(&netdev);
	text_free(&dump);
	text_free(&nic);
}

static void add_field(struct text *line, struct in_addr address)
{
	text_printf(line, ":%s", address.s_addr ? inet_ntoa(address) : "");
}

void network_add_words(const struct network *n, struct text *line)
{
	if (n->dhcp)
		text_printf(line, " ip=dhcp");
	if (n->dhcp || !n->address.s_addr)
		return;
	/* client:server:gateway:mask:host:device:autoconfiguration:dns:dns */
	text_printf(line, " ip=%s:", inet_ntoa(n->address));
	add_field(line, n->gateway);
	add_field(line, network_mask(n));
	text_printf(line, ":::off");
	add_field(line, n->dns[0]);
	if (n->dns[1].s_addr)
		add_field(line, n->dns[1]);
}
