/* An aliases file: either something wrong is said, or every alias that a user
 * could ask for is whole and canonical. */
#include "base/arena.h"
#include "conf/aliases.h"
#include "smtp/name.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct slice domain = SLICE("example.com");

static void check_target(const struct alias_target *t)
{
	assert(t->address.domain.n > 0 && t->address.local.n > 0);
	assert(!slice_has_control(t->address.local));
	assert(slice_is_utf8(t->address.local));
	assert(slice_find(t->address.domain, '@') == t->address.domain.n);
	assert(t->via.n <= 1000 && !slice_has_high(t->via));
	assert(slice_find(t->via, ' ') == t->via.n);
}

static void check_right_side(const struct alias *alias)
{
	assert(alias->count <= 1000);
	assert(alias->count == 0 || alias->command.n == 0);
	for (size_t i = 0; i < alias->count; i++)
		check_target(&alias->targets[i]);
	assert(slice_is_utf8(alias->command));
	assert(slice_find(alias->command, '\n') == alias->command.n);
}

/* The whole input as what hooks/alias-resolve may print. */
static void check_answer(struct slice text)
{
	struct conf_errors *errors = conf_errors_new();
	struct arena *a = arena_new(1 << 20);
	struct alias alias = { .line = 1 };

	if (aliases_parse_targets(text, domain, a, errors, &alias))
		assert(conf_errors_count(errors) == 0);
	else
		assert(conf_errors_count(errors) == 1);
	check_right_side(&alias);
	arena_free(&a);
	conf_errors_free(&errors);
}

static void check_alias(const struct aliases *all, const struct alias *alias)
{
	struct arena *a = arena_new(1 << 20);
	struct slice again;

	check_right_side(alias);
	assert(alias->count > 0 || alias->command.n > 0);
	assert(slice_find(alias->user, '.') == alias->user.n);
	assert(slice_find(alias->user, '@') == alias->user.n);
	assert(name_user(alias->user, a, &again) == 0);
	assert(slice_equal(again, alias->user));
	assert(aliases_find(all, alias->user) == alias);
	arena_free(&a);
}

/* The left sides of the text, each asked for as it would be at RCPT. */
static void check_lines(const struct aliases *all, struct slice text)
{
	struct arena *a = arena_new(64 << 20);
	struct slice line, user, rest;

	while (text.n > 0) {
		const struct alias *alias;

		(void)slice_cut(text, '\n', &line, &text);
		if (!slice_cut(line, ':', &user, &rest) ||
		    name_user(slice_trim(user), a, &user) != 0)
			continue;
		alias = aliases_find(all, user);
		if (alias != NULL)
			check_alias(all, alias);
		arena_clear(a);
	}
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors *errors = conf_errors_new();
	struct slice text = { .p = (const char *)data, .n = size };
	struct aliases *all = aliases_parse(text, "f", domain, ".", errors);

	assert((all == NULL) == (conf_errors_count(errors) > 0));
	for (size_t i = 0; i < conf_errors_lines(errors); i++) {
		struct slice line = slice_of(conf_errors_line(errors, i));

		assert(line.n > 0 && !slice_has_control(line));
		assert(slice_is_utf8(line));
	}
	if (all != NULL)
		check_lines(all, text);
	check_answer(text);
	aliases_free(&all);
	conf_errors_free(&errors);
	return 0;
}
