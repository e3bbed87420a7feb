#include "conf/via.h"

#include "smtp/name.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the last word off *in; empty if there is none. */
static struct slice take_last(struct slice *in)
{
	struct slice s = slice_trim(*in);
	size_t at = s.n;

	while (at > 0 && !is_blank(s.p[at - 1]))
		at--;
	*in = slice_head(s, at);
	return slice_tail(s, at);
}

static bool is_number(struct slice s)
{
	uint64_t n;

	return slice_to_u64(s, UINT64_MAX, &n);
}

/* An IPv4 address reads as a name, but its last label would be a number. */
static bool read_host(struct slice in, struct arena *arena,
		      struct slice *ret_host)
{
	struct slice host;
	size_t dot;

	if (name_is_literal(in) || name_domain(in, arena, &host) != 0)
		return false;
	dot = slice_find_last(host, '.');
	if (is_number(dot < host.n ? slice_tail(host, dot + 1) : host))
		return false;
	*ret_host = host;
	return true;
}

static bool read_hosts(struct slice list, struct arena *arena,
		       struct slice *ret_hosts)
{
	struct slice all = S("");
	unsigned count = 0;
	bool has_more = true;

	while (has_more) {
		struct slice item, host;

		has_more = slice_cut(list, '/', &item, &list);
		if (++count > VIA_HOSTS || !read_host(item, arena, &host))
			return false;
		all = arena_join(
			arena,
			(const struct slice[]){ all, all.n > 0 ? S("/") : S(""),
						host },
			3);
	}
	if (all.n > VIA_OCTETS)
		return false;
	*ret_hosts = all;
	return true;
}

bool via_parse(struct slice in, struct arena *arena, struct slice *ret_address,
	       struct slice *ret_hosts)
{
	struct slice rest = in;
	struct slice list = take_last(&rest);
	struct slice hosts = S("");

	/* Quoted local parts may have blanks. */
	if (!slice_equal(take_last(&rest), S("via")) ||
	    slice_trim(rest).n == 0 || slice_find(list, '@') < list.n ||
	    slice_find(list, '"') < list.n) {
		*ret_address = in;
		*ret_hosts = hosts;
		return true;
	}
	if (!read_hosts(list, arena, &hosts))
		return false;
	*ret_address = slice_trim(rest);
	*ret_hosts = hosts;
	return true;
}
