#include "control/request.h"

#include "base/mem.h"

#include <jansson.h>
#include <string.h>

enum { ADDRESS_OCTETS = 512, ID_DIGITS = 16, TRACE_OCTETS = 64 };

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

static const char *read_change(json_t *object, struct arena *arena,
			       struct request *r)
{
	const json_t *id = json_object_get(object, "id");
	bool is_all = json_is_true(json_object_get(object, "all")) ||
		      r->change == QUEUE_CHANGE_RETRY;
	struct slice text;

	if (id == NULL)
		return is_all && r->change != QUEUE_CHANGE_DROP
			       ? NULL
			       : "the id is missing";
	if (!json_is_string(id))
		return "the id is not 16 hexadecimal digits";
	text = slice_of(json_string_value(id));
	if (read_id(json_string_value(id), &r->queue_id))
		return NULL;
	if (!is_trace(text))
		return "the id is not 16 hexadecimal digits";
	r->trace = arena_copy(arena, text);
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
} commands[] = {
	{ .name = "queue_list", .command = REQUEST_QUEUE_LIST },
	{ "queue_retry", REQUEST_QUEUE_CHANGE, QUEUE_CHANGE_RETRY },
	{ "queue_release", REQUEST_QUEUE_CHANGE, QUEUE_CHANGE_RELEASE },
	{ "queue_drop", REQUEST_QUEUE_CHANGE, QUEUE_CHANGE_DROP },
	{ .name = "resolve", .command = REQUEST_RESOLVE },
	{ .name = "route", .command = REQUEST_ROUTE },
	{ .name = "reload", .command = REQUEST_RELOAD },
	{ .name = "milter_list", .command = REQUEST_MILTER_LIST },
};

static bool find_command(const char *name, struct request *ret_request)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		ret_request->command = commands[i].command;
		ret_request->change = commands[i].change;
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
		return read_address(object, "domain", arena, r);
	case REQUEST_QUEUE_LIST:
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
	struct request r = { .queue_id = 0 };
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
