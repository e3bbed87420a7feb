#include "test/unit/mail/dkim_sign.h"

#include "mail/dkim_block.h"
#include "mail/dkim_hash.h"

#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

EVP_PKEY *sign_ed25519_key(void)
{
	static const unsigned char seed[32] = {
		0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60,
		0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
		0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19,
		0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
	};

	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
					    sizeof(seed));
}

static struct slice base64(struct slice in, struct arena *a)
{
	unsigned char *out = arena_alloc(a, in.n / 3 * 4 + 5);

	(void)EVP_EncodeBlock(out, (const unsigned char *)in.p, (int)in.n);
	return slice_of((const char *)out);
}

struct slice sign_record(EVP_PKEY *key, struct arena *a)
{
	unsigned char *der = NULL, *p;
	int n = i2d_PUBKEY(key, &der);
	struct slice octets = { (const char *)der, (size_t)n };
	bool is_rsa = EVP_PKEY_is_a(key, "RSA");
	const struct slice parts[] = {
		is_rsa ? S("v=DKIM1; k=rsa; p=") : S("v=DKIM1; k=ed25519; p="),
		/* The last 32 octets of Ed25519's are the key itself. */
		base64(is_rsa ? octets : slice_tail(octets, octets.n - 32), a)
	};

	assert_true(n > 0);
	p = der;
	octets = arena_join(a, parts, 2);
	OPENSSL_free(p);
	return octets;
}

struct slice sign_text(EVP_PKEY *key, struct slice text, struct arena *a)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[32];
	unsigned char *out = arena_alloc(a, 1024);
	size_t n = 1024;
	bool is_rsa = EVP_PKEY_is_a(key, "RSA");

	assert_int_equal(
		EVP_Digest(text.p, text.n, digest, NULL, EVP_sha256(), NULL),
		1);
	if (!is_rsa)
		text = (struct slice){ (const char *)digest, sizeof(digest) };
	assert_int_equal(EVP_DigestSignInit(context, NULL,
					    is_rsa ? EVP_sha256() : NULL, NULL,
					    key),
			 1);
	assert_int_equal(EVP_DigestSign(context, out, &n,
					(const unsigned char *)text.p, text.n),
			 1);
	EVP_MD_CTX_free(context);
	return (struct slice){ (const char *)out, n };
}

static struct slice hash_of(const struct dkim_signature *s, struct slice body,
			    struct arena *a)
{
	struct dkim_hash *hash = dkim_hash_new(s->body, s->length);
	unsigned char *digest = arena_alloc(a, DKIM_HASH_OCTETS);
	uint64_t octets;

	dkim_hash_feed(hash, body);
	dkim_hash_end(hash, digest, &octets);
	dkim_hash_free(&hash);
	return base64((struct slice){ (const char *)digest, DKIM_HASH_OCTETS },
		      a);
}

/* The field with these values of bh= and b=. */
static void write_field(const char *tags, struct slice hash, struct slice b,
			struct arena *a, struct field *ret_field,
			struct dkim_signature *ret_signature)
{
	const struct slice parts[] = { S("DKIM-Signature: "),
				       slice_of(tags),
				       S("; bh="),
				       hash,
				       S(";\r\n b="),
				       b,
				       S("\r\n") };
	struct slice text = arena_join(a, parts, 7);

	assert_true(field_next(&text, ret_field));
	(void)dkim_signature_parse(ret_field, a, ret_signature);
}

struct slice sign_message(EVP_PKEY *key, const char *tags, const char *message,
			  struct arena *a)
{
	struct dkim_signature s;
	struct fields fields;
	struct field f;
	struct dkim_block_request request = { .fields = &fields };
	struct writer block = { .n = 0 };
	struct slice hash, parts[2];

	assert_true(fields_split(slice_of(message), a, &fields));
	write_field(tags, S("AAAA"), S("AAAA"), a, &f, &s);
	hash = hash_of(&s, fields.body, a);
	write_field(tags, hash, S("AAAA"), a, &f, &s);
	request.canon = s.header;
	request.names = s.names;
	request.name_count = s.name_count;
	request.signature = s.unsigned_field;
	(void)dkim_block_write(&request, a, &block);
	write_field(tags, hash,
		    base64(sign_text(key, writer_text(&block), a), a), a, &f,
		    &s);
	writer_done(&block);
	parts[0] = f.whole;
	parts[1] = slice_of(message);
	return arena_join(a, parts, 2);
}
