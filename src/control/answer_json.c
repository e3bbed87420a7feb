#include "control/answer-private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char hex_digits[] = "0123456789ABCDEF";

json_t *answer_text(struct slice s)
{
	json_t *json;
	size_t n = 0;
	char *out;

	if (s.n == 0)
		return json_stringn("", 0);
	if (slice_is_utf8(s))
		return json_stringn(s.p, s.n);
	out = mem_array(s.n, 4);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 128) {
			out[n++] = s.p[i];
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex_digits[c >> 4];
		out[n++] = hex_digits[c & 15];
	}
	json = json_stringn(out, n);
	mem_free(&out);
	return json;
}

json_t *answer_number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *answer_texts(struct slices list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list.count; i++)
		(void)json_array_append_new(array, answer_text(list.items[i]));
	return array;
}

void answer_put(struct evbuffer *out, json_t *object)
{
	char *line = json_dumps(object, JSON_COMPACT);

	if (line != NULL) {
		(void)evbuffer_add(out, line, strlen(line));
		(void)evbuffer_add(out, "\n", 1);
	}
	free(line); /* jansson's */
	json_decref(object);
}

void answer_put_one(struct evbuffer *out, const char *key, json_t *value)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, key, value);
	answer_put(out, object);
}

json_t *answer_hex(struct slice octets)
{
	char *out = mem_array(octets.n, 2);
	json_t *json;

	for (size_t i = 0; i < octets.n; i++) {
		unsigned char c = (unsigned char)octets.p[i];

		out[2 * i] = hex_digits[c >> 4];
		out[2 * i + 1] = hex_digits[c & 15];
	}
	json = json_stringn(out, 2 * octets.n);
	mem_free(&out);
	return json;
}
