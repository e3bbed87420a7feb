#include "auth/auth_line.h"

#include <stdio.h>
#include <string.h>

static const char escape = 0x01;

/* What follows the escape octet, and what both stand for. */
static const struct {
	char letter, octet;
} escapes[] = {
	{ '0', '\0' }, { '1', 0x01 }, { 't', '\t' },
	{ 'r', '\r' }, { 'n', '\n' },
};

static char escaped_octet(char letter)
{
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
		if (escapes[i].letter == letter)
			return escapes[i].octet;
	return letter;
}

/* An unknown escape stands for its letter, one cut off for nothing: as
 * Dovecot reads them. */
static size_t unescape(char *p, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != escape)
			p[out++] = p[i];
		else if (++i < n)
			p[out++] = escaped_octet(p[i]);
	}
	return out;
}

struct auth_reader auth_reader_of(char *line, size_t octets)
{
	return (struct auth_reader){ .p = line, .n = octets };
}

bool auth_reader_next(struct auth_reader *reader, struct slice *ret_word)
{
	struct slice rest = { reader->p, reader->n };
	size_t length = slice_find(rest, '\t');
	char *word = reader->p;

	if (reader->is_done)
		return false;
	if (length == rest.n) {
		reader->is_done = true;
	} else {
		reader->p += length + 1;
		reader->n -= length + 1;
	}
	*ret_word = (struct slice){ word, unescape(word, length) };
	return true;
}

bool auth_reader_next_id(struct auth_reader *reader, uint32_t *ret_id)
{
	struct slice word;
	uint64_t id;

	if (!auth_reader_next(reader, &word) ||
	    !slice_to_u64(word, UINT32_MAX, &id) || id == 0)
		return false;
	*ret_id = (uint32_t)id;
	return true;
}

void auth_split(struct slice word, struct slice *ret_name,
		struct slice *ret_value)
{
	(void)slice_cut(word, '=', ret_name, ret_value);
}

struct auth_writer auth_writer_of(char *buffer, size_t size)
{
	return (struct auth_writer){ .p = buffer, .size = size };
}

void auth_put_raw(struct auth_writer *writer, struct slice bytes)
{
	if (writer->is_full || bytes.n > writer->size - writer->n) {
		writer->is_full = true;
		return;
	}
	if (bytes.n > 0)
		memcpy(writer->p + writer->n, bytes.p, bytes.n);
	writer->n += bytes.n;
}

static void put_octet(struct auth_writer *writer, char octet)
{
	char pair[2] = { escape, octet };
	size_t length = 1;

	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		if (escapes[i].octet == octet) {
			pair[1] = escapes[i].letter;
			length = 2;
		}
	}
	auth_put_raw(writer, (struct slice){ pair + 2 - length, length });
}

static void put_escaped(struct auth_writer *writer, struct slice value)
{
	for (size_t i = 0; i < value.n; i++)
		put_octet(writer, value.p[i]);
}

void auth_put(struct auth_writer *writer, struct slice word)
{
	if (writer->n > 0)
		auth_put_raw(writer, S("\t"));
	put_escaped(writer, word);
}

static struct slice decimal(uint64_t number, char digits[24])
{
	(void)snprintf(digits, 24, "%ju", (uintmax_t)number);
	return slice_of(digits);
}

void auth_put_number(struct auth_writer *writer, uint64_t number)
{
	char digits[24];

	auth_put(writer, decimal(number, digits));
}

void auth_put_pair(struct auth_writer *writer, const char *name,
		   struct slice value)
{
	auth_put(writer, slice_of(name));
	auth_put_raw(writer, S("="));
	put_escaped(writer, value);
}

void auth_put_pair_number(struct auth_writer *writer, const char *name,
			  uint64_t number)
{
	char digits[24];

	auth_put_pair(writer, name, decimal(number, digits));
}

struct slice auth_written(const struct auth_writer *writer)
{
	return (struct slice){ writer->p, writer->n };
}

static bool is_base64_octet(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/';
}

bool auth_is_base64(struct slice s)
{
	size_t length = s.n;

	if (s.n % 4 != 0)
		return false;
	for (int pads = 0; pads < 2 && length > 0; pads++)
		if (s.p[length - 1] == '=')
			length--;
	for (size_t i = 0; i < length; i++)
		if (!is_base64_octet(s.p[i]))
			return false;
	return true;
}
