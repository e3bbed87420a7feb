#include "test/unit/verify/zone.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 2048, STRING_OCTETS = 40, RECORD_OCTETS = 1024 };

struct zone {
	struct arena *arena;
	struct record {
		struct slice name;
		unsigned type; /* 0: it fails */
		struct slice rdata;
	} records[RECORDS];
	size_t count;
	unsigned asked;
};

struct zone *zone_new(struct arena *arena)
{
	struct zone *z = arena_alloc(arena, sizeof(*z));

	z->arena = arena;
	return z;
}

unsigned zone_asked(const struct zone *z)
{
	return z->asked;
}

/* --- lines -------------------------------------------------------------------- */

struct slice zone_unescape(struct slice text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char hex[3] = "";

		if (text.p[i] == '\\' && i + 3 < text.n &&
		    text.p[i + 1] == 'x') {
			memcpy(hex, text.p + i + 2, 2);
			out[n++] = (char)strtoul(hex, NULL, 16);
			i += 3;
		} else {
			out[n++] = text.p[i];
		}
	}
	return (struct slice){ .p = out, .n = n };
}

static void add(struct zone *z, struct slice name, unsigned type,
		struct slice rdata)
{
	assert(z->count < RECORDS);
	z->records[z->count++] =
		(struct record){ .name = arena_copy(z->arena, name),
				 .type = type,
				 .rdata = arena_copy(z->arena, rdata) };
}

/* In strings of a few octets, as long records are cut somewhere. */
static void add_text(struct zone *z, struct slice name, struct slice value)
{
	char rdata[8192];
	size_t n = 0;

	value = zone_unescape(value, z->arena);
	assert(value.n < sizeof(rdata) / 2);
	do {
		struct slice s = slice_head(value, STRING_OCTETS);

		rdata[n++] = (char)s.n;
		if (s.n > 0)
			memcpy(rdata + n, s.p, s.n);
		n += s.n;
		value = slice_tail(value, STRING_OCTETS);
	} while (value.n > 0);
	add(z, name, DNS_TXT, (struct slice){ rdata, n });
}

static void add_long_text(struct zone *z, struct slice name, struct slice value)
{
	while (value.n <= RECORD_OCTETS) {
		const struct slice parts[] = { value, SLICE(" ip4:10.0.0.1") };

		value = arena_join(z->arena, parts, 2);
	}
	add_text(z, name, value);
}

/* After skip octets, a name as on the wire. */
static void add_name(struct zone *z, struct slice name, unsigned type,
		     struct slice value, size_t skip)
{
	char rdata[300] = "";
	size_t n = skip;
	struct slice label;

	while (value.n > 0) {
		(void)slice_cut(value, '.', &label, &value);
		if (label.n == 0)
			continue;
		rdata[n++] = (char)label.n;
		memcpy(rdata + n, label.p, label.n);
		n += label.n;
	}
	rdata[n++] = 0;
	add(z, name, type, (struct slice){ rdata, n });
}

static void add_address(struct zone *z, struct slice name, unsigned type,
			struct slice value)
{
	char octets[16];
	int r = inet_pton(type == DNS_A ? AF_INET : AF_INET6,
			  arena_string(z->arena, value), octets);

	assert(r == 1);
	(void)r;
	add(z, name, type, (struct slice){ octets, type == DNS_A ? 4 : 16 });
}

static void add_hosts(struct zone *z, struct slice name, struct slice value)
{
	unsigned long count = strtoul(arena_string(z->arena, value), NULL, 10);

	for (unsigned long i = 1; i <= count; i++) {
		struct slice host = arena_format(z->arena, "h%lu.%.*s", i,
						 (int)name.n, name.p);

		add_name(z, name, DNS_MX, host, 2);
		add_address(z, host, DNS_A,
			    arena_format(z->arena, "10.0.0.%lu", i));
		if (i == 10)
			add_address(z, host, DNS_A, S("192.0.2.50"));
	}
}

void zone_add(struct zone *z, struct slice line)
{
	struct slice name, type, value;

	(void)slice_cut(line, ' ', &name, &line);
	(void)slice_cut(line, ' ', &type, &value);
	if (slice_equal(type, S("TXT")))
		add_text(z, name, value);
	else if (slice_equal(type, S("LONG")))
		add_long_text(z, name, value);
	else if (slice_equal(type, S("A")))
		add_address(z, name, DNS_A, value);
	else if (slice_equal(type, S("AAAA")))
		add_address(z, name, DNS_AAAA, value);
	else if (slice_equal(type, S("PTR")))
		add_name(z, name, DNS_PTR, value, 0);
	else if (slice_equal(type, S("MXS")))
		add_hosts(z, name, value);
	else if (slice_equal(type, S("FAIL")))
		add(z, name, 0, S(""));
	else if (slice_cut(value, ' ', &type, &value)) /* the preference */
		add_name(z, name, DNS_MX, value, 2);
	else
		assert(!"a line that is none");
}

/* --- questions ------------------------------------------------------------------- */

void zone_ask(struct slice name, enum dns_type type, struct arena *arena,
	      struct dns_answer *ret_answer, void *arg)
{
	struct zone *z = arg;
	struct slice *records = arena_array(arena, 64, sizeof(*records));
	struct dns_answer answer = { .result = DNS_NO_NAME,
				     .records = records };

	z->asked++;
	for (size_t i = 0; i < z->count && answer.count < 64; i++) {
		const struct record *r = &z->records[i];

		if (!slice_equal_nocase(r->name, name))
			continue;
		if (answer.result == DNS_NO_NAME)
			answer.result = DNS_NO_DATA;
		if (r->type == 0) {
			answer.result = DNS_FAILED;
			answer.problem = S("SERVFAIL");
			break;
		}
		if (r->type != (unsigned)type)
			continue;
		answer.result = DNS_DATA;
		records[answer.count++] = arena_copy(arena, r->rdata);
	}
	*ret_answer = answer;
}
