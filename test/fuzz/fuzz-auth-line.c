/* What is written as words is read as the same words, and any line's words
 * survive being written again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "auth/auth_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_OCTETS = 2048, LINE_OCTETS = 2 * INPUT_OCTETS + 8 };

/* The input's octets 0xff part the words. */
static void round_trip(struct slice input)
{
	char line[LINE_OCTETS];
	struct auth_writer writer = auth_writer_of(line, sizeof(line));
	struct auth_reader reader;
	struct slice rest = input, word, got;
	bool is_more = true;

	auth_put(&writer, S("X"));
	while (is_more) {
		is_more = slice_cut(rest, '\xff', &word, &rest);
		auth_put(&writer, word);
	}
	assert(!writer.is_full);
	for (size_t i = 0; i < writer.n; i++)
		assert(line[i] != '\0' && line[i] != '\r' && line[i] != '\n');

	reader = auth_reader_of(line, writer.n);
	assert(auth_reader_next(&reader, &got) && slice_equal(got, S("X")));
	rest = input;
	is_more = true;
	while (is_more) {
		is_more = slice_cut(rest, '\xff', &word, &rest);
		assert(auth_reader_next(&reader, &got));
		assert(slice_equal(got, word));
	}
	assert(!auth_reader_next(&reader, &got));
}

static void read_any(struct slice input)
{
	char line[INPUT_OCTETS + 1], again[LINE_OCTETS];
	struct auth_reader first, second;
	struct auth_writer writer = auth_writer_of(again, sizeof(again));
	struct slice word, same;

	if (input.n > 0)
		memcpy(line, input.p, input.n);
	auth_put(&writer, S("X"));
	first = auth_reader_of(line, input.n);
	while (auth_reader_next(&first, &word))
		auth_put(&writer, word);
	assert(!writer.is_full);

	if (input.n > 0)
		memcpy(line, input.p, input.n);
	first = auth_reader_of(line, input.n);
	second = auth_reader_of(again, writer.n);
	assert(auth_reader_next(&second, &same));
	while (auth_reader_next(&first, &word)) {
		assert(auth_reader_next(&second, &same));
		assert(slice_equal(word, same));
	}
	assert(!auth_reader_next(&second, &same));
}

/* A buffer that is too small is never overrun, and says so. */
static void write_bounded(struct slice input)
{
	char line[16];
	struct auth_writer writer = auth_writer_of(line, sizeof(line));

	auth_put_pair(&writer, "name", input);
	assert(writer.n <= sizeof(line));
	assert(writer.is_full || writer.n >= input.n + 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = { (const char *)data, size };

	input = slice_head(input, INPUT_OCTETS);
	round_trip(input);
	read_any(input);
	write_bounded(input);
	if (auth_is_base64(input))
		assert(input.n % 4 == 0 && !slice_has_control(input));
	return 0;
}
