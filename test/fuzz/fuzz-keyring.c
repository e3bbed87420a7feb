/*
 * Requests of a role that has been broken into: what is signed has been
 * written by us, as far as an obvious look at all of it can tell.
 * Input: role, kind, two octets of scheme, number of a key, the text.
 */
#include "keyring/request.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_OCTETS = 5, KEYS = 5, RSA_BITS = 1024 };

struct world {
	struct keys *keys;
	struct slice names[KEYS];
	char ids[KEYS][KEY_ID_OCTETS];
};

static struct slice add(struct world *w, EVP_PKEY *pkey, enum signing signing,
			const char *selector)
{
	static size_t count;
	BIO *bio = BIO_new(BIO_s_mem());
	struct msg_conf_key m = { .signing = signing,
				  .domain = SLICE("one.example"),
				  .selector = slice_of(selector) };
	struct key *key;
	char *text = NULL;
	char *id = w->ids[count++ % KEYS];

	(void)PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
	m.pem.n = (size_t)BIO_get_mem_data(bio, &text);
	m.pem.p = text;
	key = key_new(m.pem);
	assert(key != NULL && keys_add(w->keys, &m));
	memcpy(id, key_id(key).p, KEY_ID_OCTETS);
	key_free(&key);
	BIO_free(bio);
	return (struct slice){ id, KEY_ID_OCTETS };
}

static const struct world *get_world(void)
{
	static struct world w;
	EVP_PKEY *rsa, *ec, *ed25519;

	if (w.keys != NULL)
		return &w;
	w.keys = keys_new();
	rsa = EVP_RSA_gen(RSA_BITS);
	ec = EVP_EC_gen("P-256");
	ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	w.names[0] = add(&w, rsa, SIGN_HANDSHAKE, "");
	w.names[1] = add(&w, ec, SIGN_HANDSHAKE, "");
	w.names[2] = add(&w, ed25519, SIGN_HANDSHAKE, "");
	(void)add(&w, rsa, SIGN_HEADER, "k1");
	(void)add(&w, ed25519, SIGN_HEADER, "k2");
	w.names[3] = S("k1._domainkey.one.example");
	w.names[4] = S("k2._domainkey.one.example");
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ed25519);
	return &w;
}

static bool has_at(struct slice s, size_t at, const char *octets, size_t n)
{
	return s.n >= at + n && memcmp(s.p + at, octets, n) == 0;
}

static bool is_handshake(struct slice s)
{
	static const char spaces[] = "                                "
				     "                                ";
	static const char words[] = "TLS 1.3, server CertificateVerify";

	if (has_at(s, 0, spaces, 64) && has_at(s, 64, words, sizeof(words)))
		return s.n == 130 || s.n == 146;
	return (s.n == 100 && has_at(s, 64, "\x03\0\x1d\x20", 4)) ||
	       (s.n == 133 && has_at(s, 64, "\x03\0\x17\x41\x04", 5)) ||
	       (s.n == 165 && has_at(s, 64, "\x03\0\x18\x61\x04", 5));
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* What follows the name of the last field in lower case, without blanks. */
static char *last_field(struct slice s)
{
	static const char name[] = "dkim-signature";
	char *text = mem_new(s.n + 1), *field = mem_new(s.n + 1), *at = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		text[i] = lower(s.p[i]);
	for (char *next = strchr(text, '\n'); next != NULL;
	     next = strchr(next + 1, '\n'))
		if (strncmp(next + 1, name, sizeof(name) - 1) == 0)
			at = next + sizeof(name);
	assert(at != NULL);
	for (; *at != '\0'; at++)
		if (strchr("\r\n\t ", *at) == NULL)
			field[n++] = *at;
	mem_free(&text);
	return field;
}

static void check_header(struct slice s, const char *selector)
{
	char *tags = last_field(s), want[64];

	assert(memchr(s.p, '\0', s.n) == NULL);
	assert(s.p[s.n - 1] != '\n' && tags[0] == ':');
	tags[0] = ';';
	tags = mem_resize(tags, strlen(tags) + 2, 1);
	if (tags[strlen(tags) - 1] != ';')
		(void)strcat(tags, ";");
	assert(strstr(tags, ";d=one.example;") != NULL);
	(void)strcpy(want, ";s=");
	(void)strcat(want, selector);
	(void)strcat(want, ";");
	assert(strstr(tags, want) != NULL);
	assert(strstr(tags, ";b=;") != NULL);
	mem_free(&tags);
}

static void check(enum role role, const struct msg_sign *m, size_t key)
{
	if (m->signing == SIGN_HANDSHAKE) {
		assert(role == ROLE_RECEIVE && key < 3);
		assert(is_handshake(m->text));
		return;
	}
	assert(m->signing == SIGN_HEADER && key >= 3);
	assert(role == ROLE_RECEIVE || role == ROLE_QUEUE);
	check_header(m->text, key == 3 ? "k1" : "k2");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct world *w = get_world();
	char room[KEY_SIGNATURE_OCTETS];
	struct slice signature = { .n = 0 };
	const void *text = data + HEAD_OCTETS;
	struct msg_sign m;
	enum role role;

	if (size < HEAD_OCTETS)
		return 0;
	role = (enum role)(data[0] % ROLE_COUNT);
	m = (struct msg_sign){ .signing = data[1],
			       .scheme = (uint32_t)data[2] << 8 | data[3],
			       .key = w->names[data[4] % KEYS],
			       .text = { text, size - HEAD_OCTETS } };
	if (request_sign(role, &m,
			 keys_find(w->keys, (enum signing)m.signing, m.key),
			 room, &signature) == NULL) {
		assert(signature.n > 0);
		check(role, &m, data[4] % KEYS);
	}
	return 0;
}
