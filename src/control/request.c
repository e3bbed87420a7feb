#include "control/request.h"

#include "base/mem.h"

#include <jansson.h>
#include <string.h>

enum {
	ADDRESS_OCTETS = 512,
	ID_DIGITS = 16,
	TRACE_OCTETS = 64,
	REASON_OCTETS = 500
};

static void free_json(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool read_id(const char *text, uint64_t *ret_id)
{
	size_t n = strlen(text);
	uint64_t id = 0;

	if (n == 0 || n > ID_DIGITS)
		return false;
	for (size_t i = 0; i < n; i++) {
		int digit = hex_value(text[i]);

		if (digit < 0)
			return false;
		id = id << 4 | (uint64_t)digit;
	}
	*ret_id = id;
	return id != 0;
}

/* "SESSION.NUMBER" */
static bool is_trace(struct slice text)
{
	struct slice session, number;

	return text.n <= TRACE_OCTETS && !slice_has_control(text) &&
	       slice_cut(text, '.', &session, &number) && session.n > 0 &&
	       number.n > 0;
}

static const char *read_id_or_trace(const json_t *id, struct arena *arena,
				    struct selector *s)
{
	static const char wrong[] = "the id is not 16 hexadecimal digits";
	struct slice text;

	if (id == NULL)
		return NULL;
	if (!json_is_string(id))
		return wrong;
	text = slice_of(json_string_value(id));
	if (read_id(json_string_value(id), &s->queue_id))
		return NULL;
	if (!is_trace(text))
		return wrong;
	s->trace = arena_copy(arena, text);
	return NULL;
}

/* Not there: stays empty. */
static bool read_text(json_t *object, const char *key, size_t max,
		      struct arena *arena, struct slice *ret_text)
{
	const json_t *value = json_object_get(object, key);
	struct slice text = { .p = json_string_value(value),
			      .n = json_string_length(value) };

	if (value == NULL)
		return true;
	if (text.n == 0 || text.n > max || slice_has_control(text))
		return false;
	*ret_text = arena_copy(arena, text);
	return true;
}

static const char *read_selector(json_t *object, struct arena *arena,
				 struct selector *s)
{
	const json_t *age = json_object_get(object, "older_than");
	const char *wrong =
		read_id_or_trace(json_object_get(object, "id"), arena, s);

	if (wrong != NULL)
		return wrong;
	if (!read_text(object, "from", ADDRESS_OCTETS, arena, &s->from) ||
	    !read_text(object, "to", ADDRESS_OCTETS, arena, &s->to))
		return "this is no address or domain";
	if (age != NULL &&
	    (!json_is_integer(age) || json_integer_value(age) <= 0))
		return "the age is no number of seconds";
	s->older_than_s = (uint64_t)json_integer_value(age);
	s->is_held = json_is_true(json_object_get(object, "held"));
	return NULL;
}

static bool selects_all(const struct selector *s)
{
	return s->queue_id == 0 && s->trace.n == 0 && s->from.n == 0 &&
	       s->to.n == 0 && s->older_than_s == 0 && !s->is_held;
}

static const char *read_list(json_t *object, struct arena *arena,
			     struct request *r)
{
	const char *wrong = read_selector(object, arena, &r->selector);

	if (wrong == NULL && r->with_header && r->selector.queue_id == 0 &&
	    r->selector.trace.n == 0)
		return "the id is missing";
	return wrong;
}

/* That all is meant is to be said, but where it does no harm. */
static const char *read_change(json_t *object, struct arena *arena,
			       struct request *r)
{
	bool is_all = json_is_true(json_object_get(object, "all"));
	const char *wrong = read_selector(object, arena, &r->selector);

	if (wrong != NULL)
		return wrong;
	if (!read_text(object, "reason", REASON_OCTETS, arena, &r->reason))
		return "the reason is too long, or not in one line";
	r->is_all = selects_all(&r->selector) &&
		    (is_all || r->change == QUEUE_CHANGE_RETRY);
	if (selects_all(&r->selector) && !r->is_all)
		return "the id is missing";
	if (r->reason.n == 0 && r->change == QUEUE_CHANGE_HOLD)
		r->reason = S("held by the operator");
	return NULL;
}

static const char *read_address(json_t *object, const char *key,
				struct arena *arena, struct request *r)
{
	const json_t *address = json_object_get(object, key);
	struct slice text;

	if (!json_is_string(address))
		return "the address or domain is missing";
	text = (struct slice){ .p = json_string_value(address),
			       .n = json_string_length(address) };
	if (text.n == 0 || text.n > ADDRESS_OCTETS || slice_has_control(text))
		return "this is no address or domain";
	r->address = arena_copy(arena, text);
	return NULL;
}

static const struct {
	const char *name;
	enum request_command command;
	enum queue_change change;
	bool with_header, needs_domain;
} commands[] = {
	{ .name = "queue_list", .command = REQUEST_QUEUE_LIST },
	{ .name = "queue_show",
	  .command = REQUEST_QUEUE_LIST,
	  .with_header = true },
	{ "queue_retry", REQUEST_QUEUE_CHANGE, QUEUE_CHANGE_RETRY, false,
	  false },
	{ "queue_release", REQUEST_QUEUE_CHANGE, QUEUE_CHANGE_RELEASE, false,
	  false },
	{ "queue_drop", REQUEST_QUEUE_CHANGE, QUEUE_CHANGE_DROP, false, false },
	{ "queue_hold", REQUEST_QUEUE_CHANGE, QUEUE_CHANGE_HOLD, false, false },
	{ "queue_bounce", REQUEST_QUEUE_CHANGE, QUEUE_CHANGE_BOUNCE, false,
	  false },
	{ .name = "resolve", .command = REQUEST_RESOLVE },
	{ .name = "route", .command = REQUEST_ROUTE },
	{ .name = "reload", .command = REQUEST_RELOAD },
	{ .name = "milter_list", .command = REQUEST_MILTER_LIST },
	{ .name = "domain_tls_list", .command = REQUEST_DOMAIN_TLS_LIST },
	{ .name = "domain_tls_show",
	  .command = REQUEST_DOMAIN_TLS_LIST,
	  .needs_domain = true },
	{ .name = "domain_tls_forget",
	  .command = REQUEST_DOMAIN_TLS_FORGET,
	  .needs_domain = true },
	{ .name = "tls_report_list", .command = REQUEST_TLS_REPORT_LIST },
	{ .name = "usage_list", .command = REQUEST_USAGE_LIST },
	{ .name = "usage_show",
	  .command = REQUEST_USAGE_LIST,
	  .needs_domain = true },
	{ .name = "usage_forget", .command = REQUEST_USAGE_FORGET },
};

static bool find_command(const char *name, struct request *ret_request)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		ret_request->command = commands[i].command;
		ret_request->change = commands[i].change;
		ret_request->with_header = commands[i].with_header;
		ret_request->needs_domain = commands[i].needs_domain;
		return true;
	}
	return false;
}

static const char *read_request(json_t *object, struct arena *arena,
				struct request *r)
{
	switch (r->command) {
	case REQUEST_QUEUE_CHANGE:
		return read_change(object, arena, r);
	case REQUEST_RESOLVE:
		return read_address(object, "address", arena, r);
	case REQUEST_ROUTE:
		if (!read_text(object, "from", ADDRESS_OCTETS, arena,
			       &r->selector.from))
			return "the sender is no address";
		return read_address(object, "domain", arena, r);
	case REQUEST_DOMAIN_TLS_FORGET:
		return read_address(object, "domain", arena, r);
	case REQUEST_DOMAIN_TLS_LIST:
		return r->needs_domain
			       ? read_address(object, "domain", arena, r)
			       : NULL;
	case REQUEST_TLS_REPORT_LIST:
		return read_text(object, "domain", ADDRESS_OCTETS, arena,
				 &r->address)
			       ? NULL
			       : "this is no domain";
	case REQUEST_USAGE_LIST:
		return r->needs_domain ? read_address(object, "login", arena, r)
				       : NULL;
	case REQUEST_USAGE_FORGET:
		return read_address(object, "login", arena, r);
	case REQUEST_QUEUE_LIST:
		return read_list(object, arena, r);
	case REQUEST_RELOAD:
	case REQUEST_MILTER_LIST:
		break;
	}
	return NULL;
}

const char *request_parse(struct slice line, struct arena *arena,
			  struct request *ret_request)
{
	AUTO(free_json)
	json_t *object =
		json_loadb(line.p != NULL ? line.p : "", line.n, 0, NULL);
	const json_t *command = json_object_get(object, "command");
	struct request r = { .with_header = false };
	const char *wrong;

	if (!json_is_object(object))
		return "a request is one JSON object in one line";
	if (!json_is_string(command) ||
	    !find_command(json_string_value(command), &r))
		return "there is no such command";
	wrong = read_request(object, arena, &r);
	if (wrong == NULL)
		*ret_request = r;
	return wrong;
}
