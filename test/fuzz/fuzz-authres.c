/*
 * Authentication-Results: whatever stands in what we write, it is one field,
 * it claims our id, and no value ends its quotes or its comment. A field that
 * came claims the same with comments and folds before it.
 */
#include "mail/authres.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID "mx.ours.example"

/* One field: each line but the first is folded. */
static void check_field(struct slice field)
{
	assert(slice_ends_nocase(field, S("\r\n")));
	field.n -= 2;
	for (size_t i = 0; i < field.n; i++) {
		assert(field.p[i] != '\0');
		if (field.p[i] == '\r')
			assert(field.p[i + 1] == '\n');
		if (field.p[i] == '\n')
			assert(i > 0 && field.p[i - 1] == '\r' &&
			       field.p[i + 1] == ' ');
	}
	assert(authres_claims(
		slice_tail(field, strlen("Authentication-Results:")), S(ID)));
}

/* Outside of quotes and comments stand our own words alone. */
static void check_resinfo(struct slice text, struct slice value)
{
	char outside[256];
	size_t n = 0;
	bool is_quoted = false;
	unsigned depth = 0;

	for (size_t i = 0; i < text.n && n < sizeof(outside); i++) {
		char c = text.p[i];

		if (c == '"' && depth == 0)
			is_quoted = !is_quoted;
		else if (c == '(' && !is_quoted)
			depth++;
		else if (c == ')' && !is_quoted)
			depth--;
		else if (!is_quoted && depth == 0)
			outside[n++] = c;
	}
	assert(!is_quoted && depth == 0);
	if (value.n > 0)
		assert(slice_starts((struct slice){ outside, n },
				    S("spf=pass ")));
	assert(slice_find((struct slice){ outside, n }, ';') == n);
}

static void check_written(struct slice in, struct arena *a)
{
	struct slice comment, value, results[3] = { in, S("spf=pass"), in };
	struct authres_property property = { .name = S("smtp.mailfrom") };
	struct authres_info info = {
		.method = S("spf"),
		.result = AUTHRES_PASS,
		.properties = &property,
		.property_count = 1,
	};

	(void)slice_cut(in, '|', &comment, &value);
	info.comment = comment;
	property.value = value;
	check_resinfo(authres_resinfo(&info, a), value);
	check_field(authres_format(S(ID), results, 3, a));
}

static void check_claim(struct slice in, struct arena *a)
{
	const struct slice parts[] = { S(" (a \\) comment)\r\n\t"), in };

	if (authres_claims(in, S(ID)))
		assert(authres_claims(arena_join(a, parts, 2), S(ID)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { .p = (const char *)data, .n = size };
	struct arena *a = arena_new(1 << 20);

	if (size <= 8192) {
		check_written(in, a);
		check_claim(in, a);
	}
	arena_free(&a);
	return 0;
}
