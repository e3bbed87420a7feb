/* A command line: verb, arguments, and what the arguments may be. */
#include "smtp/command.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bdat(struct slice args)
{
	uint64_t octets = 0;
	bool last = false;

	if (!command_parse_bdat(args, &octets, &last))
		return;
	assert(octets <= UINT64_C(1) << 53);
	assert(args.p[0] >= '0' && args.p[0] <= '9');
	assert(last == (slice_find(args, ' ') < args.n));
}

static void check_hello(struct slice name)
{
	if (!command_is_hello_name(name))
		return;
	assert(name.n > 0 && name.n <= 255);
	assert(!slice_has_control(name) && !slice_has_high(name));
	assert(slice_find(name, ' ') == name.n);
}

static void check_base64(struct slice text)
{
	if (!command_is_base64(text))
		return;
	assert(text.n % 4 == 0);
	assert(!slice_has_control(text) && !slice_has_high(text));
	assert(slice_find(text, '=') + 2 >= text.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice line = { .p = (const char *)data, .n = size }, rest;
	struct command c = command_parse(line);

	assert(c.args.n <= line.n);
	assert(c.args.n == 0 ||
	       (c.args.p > line.p && c.args.p + c.args.n <= line.p + line.n));
	assert(verb_name(c.verb) != NULL);
	if (command_strip_keyword(c.args, S("FROM:"), &rest))
		assert(rest.n + 5 <= c.args.n);
	check_bdat(c.args);
	check_hello(c.args);
	check_base64(c.args);
	return 0;
}
