/*
 * One line of Dovecot's auth protocols: words between TABs, ended by LF, which
 * is not part of it here. NUL, 0x01, TAB, CR and LF inside a word are escaped
 * by 0x01. Pure: bytes in, bytes out.
 */
#ifndef AUTH_AUTH_LINE_H
#define AUTH_AUTH_LINE_H

#include "base/slice.h"

enum {
	AUTH_LINE_OUT_OCTETS = 16383,  /* Dovecot hangs up on one more */
	AUTH_LINE_IN_OCTETS = 65536,   /* replies have no such promise */
	AUTH_LINE_USERDB_OCTETS = 1023 /* out, to a userdb socket */
};

/* Takes a line apart. The words are unescaped where they stand, so a line can
 * be read once. */
struct auth_reader {
	char *p;
	size_t n;
	bool is_done;
};

struct auth_reader auth_reader_of(char *line, size_t octets);
/* The next word, which may be empty; false at the end of the line. */
bool auth_reader_next(struct auth_reader *reader, struct slice *ret_word);
/* The next word as a request's id, 1 to 2^32-1; false when it is none. */
bool auth_reader_next_id(struct auth_reader *reader, uint32_t *ret_id);
/* "name=value" or "name", which has an empty value. */
void auth_split(struct slice word, struct slice *ret_name,
		struct slice *ret_value);

/* Puts a line together. What does not fit sets is_full and writes nothing
 * more; look at it once, at the end. */
struct auth_writer {
	char *p;
	size_t n, size;
	bool is_full;
};

struct auth_writer auth_writer_of(char *buffer, size_t size);
/* A TAB, unless the line is empty, and the word, escaped. */
void auth_put(struct auth_writer *writer, struct slice word);
void auth_put_number(struct auth_writer *writer, uint64_t number);
/* "name=value", the value escaped. */
void auth_put_pair(struct auth_writer *writer, const char *name,
		   struct slice value);
void auth_put_pair_number(struct auth_writer *writer, const char *name,
			  uint64_t number);
/* Bytes as they are: a part of a line that was written before. */
void auth_put_raw(struct auth_writer *writer, struct slice bytes);
struct slice auth_written(const struct auth_writer *writer);

/* Strict base64, RFC 4648 4, also empty: nothing Dovecot's lenient decoder or
 * its line splitting could read as more than data. */
bool auth_is_base64(struct slice s);

#endif
