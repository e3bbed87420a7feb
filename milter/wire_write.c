#include "milter/wire.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	HEAD_OCTETS = 5,
	ROOM_OCTETS = 4096,
	NAME_OCTETS = 1024, /* of a host name or an address: never so long */
};

/* n more octets at the writer's end. */
static char *extend(struct milter_writer *w, size_t n)
{
	char *p;

	if (w->room - w->n < n) {
		size_t room = w->room > 0 ? w->room : ROOM_OCTETS;

		while (room - w->n < n)
			room *= 2;
		w->p = mem_resize(w->p, room, 1);
		w->room = room;
	}
	p = w->p + w->n;
	w->n += n;
	return p;
}

static char *put_u32(char *p, uint32_t value)
{
	*p++ = (char)(value >> 24);
	*p++ = (char)(value >> 16);
	*p++ = (char)(value >> 8);
	*p++ = (char)value;
	return p;
}

static char *put_string(char *p, struct slice s)
{
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p + s.n + 1;
}

static struct slice until_nul(struct slice s)
{
	return slice_head(s, slice_find(s, '\0'));
}

/* A packet with n octets of data, which the caller puts where it returns. */
static char *put_packet(struct milter_writer *w, enum milter_command command,
			size_t n)
{
	char *p = extend(w, HEAD_OCTETS + n);

	assert(n <= MILTER_DATA_OCTETS);
	p = put_u32(p, (uint32_t)n + 1);
	*p++ = (char)command;
	return p;
}

void milter_write_options(struct milter_writer *w,
			  const struct milter_options *offer)
{
	char *p = put_packet(w, MILTER_OPTNEG, 12);

	p = put_u32(p, offer->version);
	p = put_u32(p, offer->actions);
	(void)put_u32(p, offer->steps);
}

void milter_write_macros(struct milter_writer *w, enum milter_command command,
			 const struct milter_macro *macros, size_t count)
{
	size_t start = w->n, n = 1;

	if (count == 0)
		return;
	*put_packet(w, MILTER_MACRO, n) = (char)command;
	for (size_t i = 0; i < count; i++) {
		struct slice name = until_nul(macros[i].name);
		struct slice value = until_nul(macros[i].value);
		size_t room = MILTER_DATA_OCTETS - n;
		char *p;

		if (name.n >= room || value.n >= room ||
		    name.n + value.n + 2 > room)
			continue;
		p = extend(w, name.n + value.n + 2);
		(void)put_string(put_string(p, name), value);
		n += name.n + value.n + 2;
	}
	(void)put_u32(w->p + start, (uint32_t)n + 1);
}

void milter_write_connect(struct milter_writer *w, struct slice hostname,
			  char family, uint16_t port, struct slice address)
{
	bool has_address = family != 'U';
	size_t n;
	char *p;

	hostname = slice_head(until_nul(hostname), NAME_OCTETS);
	address = slice_head(until_nul(address), NAME_OCTETS);
	n = hostname.n + 2 + (has_address ? 2 + address.n + 1 : 0);
	p = put_string(put_packet(w, MILTER_CONNECT, n), hostname);
	*p++ = family;
	if (has_address) {
		*p++ = (char)(port >> 8);
		*p++ = (char)port;
		(void)put_string(p, address);
	}
}

int milter_write_strings(struct milter_writer *w, enum milter_command command,
			 const struct slice *strings, size_t count)
{
	size_t n = 0;
	char *p;

	for (size_t i = 0; i < count; i++) {
		if (slice_find(strings[i], '\0') < strings[i].n)
			return -EINVAL;
		if (strings[i].n >= MILTER_DATA_OCTETS - n)
			return -EMSGSIZE;
		n += strings[i].n + 1;
	}
	p = put_packet(w, command, n);
	for (size_t i = 0; i < count; i++)
		p = put_string(p, strings[i]);
	return 0;
}

void milter_write_bare(struct milter_writer *w, enum milter_command command)
{
	(void)put_packet(w, command, 0);
}

void milter_write_body_head(struct milter_writer *w, size_t n)
{
	char *p = extend(w, HEAD_OCTETS);

	assert(n > 0 && n <= MILTER_DATA_OCTETS);
	p = put_u32(p, (uint32_t)n + 1);
	*p = MILTER_BODY;
}

void milter_write_octets(struct milter_writer *w, struct slice octets)
{
	if (octets.n > 0)
		memcpy(extend(w, octets.n), octets.p, octets.n);
}
