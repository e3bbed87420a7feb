/*
 * Output of a hostile hook: what stands in a header is a header that no line
 * of it can end, what stands in a reply is one line of text, and a command is
 * words.
 *
 * Input: exit status, then the output.
 */
#include "hook/command.h"
#include "hook/output.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct slice text)
{
	assert(text.n <= OUTPUT_TEXT_OCTETS);
	assert(!slice_has_control(text));
	assert(slice_is_utf8(text));
}

static void check_header_line(struct slice line, bool is_first)
{
	bool goes_on = line.p[0] == ' ' || line.p[0] == '\t';
	size_t colon = slice_find(line, ':');

	assert(line.n >= 2 && line.p[line.n - 1] == '\r');
	line.n--;
	assert(line.n <= OUTPUT_HEADER_LINE_OCTETS);
	assert(slice_trim(line).n > 0);
	assert(slice_is_utf8(line));
	for (size_t i = 0; i < line.n; i++)
		assert(line.p[i] == '\t' ||
		       !slice_has_control((struct slice){ line.p + i, 1 }));
	if (goes_on)
		assert(!is_first);
	else
		assert(colon > 0 && colon < line.n &&
		       !slice_has_high(slice_head(line, colon)));
}

static void check_header(struct slice header, struct slice output)
{
	bool is_first = true;
	struct slice line;

	assert(header.n <= 2 * output.n);
	while (header.n > 0) {
		assert(slice_cut(header, '\n', &line, &header));
		check_header_line(line, is_first);
		is_first = false;
	}
}

/* What was made is taken again, and does not change. */
static void check_again(struct slice header, struct arena *arena)
{
	struct slice again;

	assert(output_header(header, arena, &again));
	assert(slice_equal(header, again));
}

static void check_command(struct slice output, struct arena *arena)
{
	struct slice command = command_of_targets(output);
	const char *const *words;
	size_t octets = 0;

	assert(slice_find(command, '\n') == command.n);
	if (!command_split(command, arena, &words))
		return;
	for (; *words != NULL; words++) {
		assert(strpbrk(*words, " \t\r\n") == NULL);
		octets += strlen(*words);
	}
	assert(octets > 0 && octets <= command.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg_post_data_result r = { .id = 0 };
	struct program_result result = { .end = PROGRAM_EXITED };
	struct arena *arena;
	struct outcome o;

	if (size < 1 || size > PROGRAM_OUTPUT_OCTETS)
		return 0;
	arena = arena_new(1 << 24);
	result.number = data[0];
	result.output =
		(struct slice){ .p = (const char *)data + 1, .n = size - 1 };
	output_judge_post_data(data[0], result.output, arena, &r);
	assert((r.result == HOOK_ACCEPT) == (data[0] == 0));
	assert((r.result == HOOK_REJECT) == (data[0] == OUTPUT_REJECT_STATUS));
	assert(r.header.n == 0 || r.result == HOOK_ACCEPT);
	check_text(r.text);
	check_header(r.header, result.output);
	check_again(r.header, arena);
	check_command(result.output, arena);
	o = command_outcome(&result, arena);
	check_text(o.text);
	assert(o.text.n > 0 && o.status[0] == o.code / 100);
	arena_free(&arena);
	return 0;
}
