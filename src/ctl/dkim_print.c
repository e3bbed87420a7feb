#include "ctl/dkim_print.h"

#include "base/mem.h"
#include "mail/dkim.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

enum { ED25519_OCTETS = 32, ARENA_OCTETS = 1 << 20 };

static bool is_rsa(const struct dkim_file *f)
{
	return EVP_PKEY_is_a(f->key, "RSA") == 1;
}

/* RSA's as SubjectPublicKeyInfo (RFC 6376 3.6.1), Ed25519's bare (RFC 8463
 * 4), which is the end of it. */
static struct slice public_octets(const struct dkim_file *f,
				  struct arena *arena)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(f->key, &der);
	struct slice octets = { (const char *)der, n > 0 ? (size_t)n : 0 };

	if (!is_rsa(f) && octets.n > ED25519_OCTETS)
		octets = slice_tail(octets, octets.n - ED25519_OCTETS);
	octets = arena_copy(arena, octets);
	OPENSSL_free(der);
	return octets;
}

struct slice dkim_record_of(const struct dkim_file *f, struct arena *arena)
{
	struct slice octets;
	unsigned char *text;

	if (f->key == NULL)
		return S("");
	octets = public_octets(f, arena);
	text = arena_alloc(arena, octets.n / 3 * 4 + 5);
	(void)EVP_EncodeBlock(text, (const unsigned char *)octets.p,
			      (int)octets.n);
	return arena_format(arena, "v=DKIM1; k=%s; p=%s",
			    is_rsa(f) ? "rsa" : "ed25519", (char *)text);
}

const char *dkim_kind_of(const struct dkim_file *f, struct arena *arena)
{
	if (f->key == NULL)
		return "unreadable";
	return is_rsa(f) ? arena_format(arena, "RSA, %d bits",
					EVP_PKEY_get_bits(f->key))
				   .p
			 : "Ed25519";
}

static struct slice name_of(const struct dkim_file *f, struct arena *arena)
{
	return dkim_key_name(slice_of(f->selector), slice_of(f->domain), arena);
}

static json_t *text_of(struct slice s)
{
	return json_stringn(s.p, s.n);
}

static void add_record(json_t *key, const struct dkim_file *f,
		       struct arena *arena)
{
	struct slice value = dkim_record_of(f, arena);
	json_t *strings = json_array();

	(void)json_object_set_new(key, "name", text_of(name_of(f, arena)));
	(void)json_object_set_new(key, "type", json_string("TXT"));
	(void)json_object_set_new(key, "value", text_of(value));
	for (; value.n > 0; value = slice_tail(value, DKIM_STRING_OCTETS))
		(void)json_array_append_new(
			strings,
			text_of(slice_head(value, DKIM_STRING_OCTETS)));
	(void)json_object_set_new(key, "strings", strings);
}

json_t *dkim_json(const struct dkim_file *f, bool with_record)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	json_t *key = json_object();
	json_t *line = json_object();

	(void)json_object_set_new(key, "domain", json_string(f->domain));
	(void)json_object_set_new(key, "selector", json_string(f->selector));
	(void)json_object_set_new(key, "state",
				  json_string(dkim_state_word(f->state)));
	(void)json_object_set_new(
		key, "algorithm",
		f->key == NULL ? json_null()
			       : json_string(dkim_algorithm_word(
					 is_rsa(f) ? DKIM_RSA_SHA256
						   : DKIM_ED25519_SHA256)));
	if (f->key != NULL)
		(void)json_object_set_new(
			key, "bits", json_integer(EVP_PKEY_get_bits(f->key)));
	(void)json_object_set_new(key, "file", json_string(f->path));
	if (with_record)
		add_record(key, f, arena);
	(void)json_object_set_new(line, "key", key);
	return line;
}

static void print_strings(struct slice value)
{
	const char *before = "";

	for (; value.n > 0; value = slice_tail(value, DKIM_STRING_OCTETS)) {
		struct slice s = slice_head(value, DKIM_STRING_OCTETS);

		(void)printf("%s\"%.*s\"", before, (int)s.n, s.p);
		before = "\n\t";
	}
}

void dkim_print_record(const struct dkim_file *f)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct slice value = dkim_record_of(f, arena);
	struct slice name = name_of(f, arena);

	if (value.n == 0)
		return;
	(void)printf("; In a zone file:\n%.*s. IN TXT ( ", (int)name.n, name.p);
	print_strings(value);
	(void)printf(" )\n\n"
		     "; In the form of a DNS provider:\n"
		     "name   %.*s\n"
		     "type   TXT\n"
		     "value  %.*s\n",
		     (int)name.n, name.p, (int)value.n, value.p);
}
