/* Private keys on their way from the files to `keyring`: read anew each time,
 * never kept. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/certificate.h"
#include "conf/file.h"
#include "parent/parent-private.h"

#include <fcntl.h>
#include <string.h>

enum { DAY_MS = 86400 * 1000 };

static void log_lost(const char *path, const char *problem)
{
	LOG(LOG_ERROR, NULL, "a key cannot be handed over",
	    log_string("path", path), log_string("problem", problem));
}

/* A new pair may lie there by now: it is loaded when it has been seen. */
static void send_certificate_key(struct child *c,
				 const struct tree_certificate *t)
{
	struct message m = { .type = MESSAGE_CONF_KEY };
	struct slice pem = { .n = 0 };
	int r = file_read(AT_FDCWD, t->key_path, CERTIFICATE_KEY_OCTETS, &pem,
			  NULL);

	m.conf_key.signing = SIGN_HANDSHAKE;
	m.conf_key.domain = slice_of(t->name);
	m.conf_key.pem = pem;
	if (r < 0)
		log_lost(t->key_path, strerror(-r));
	else if (certificate_has_key(t->chain_pem, pem))
		link_send(c->link, &m, -1);
	else
		log_lost(t->key_path,
			 "it does not belong to the certificate in use");
	file_forget(&pem);
}

static void send_dkim_key(struct child *c, const struct dkim_key *key)
{
	struct message m = { .type = MESSAGE_CONF_KEY };
	struct slice pem = { .n = 0 };
	int r = file_read(AT_FDCWD, key->path, DKIM_KEY_OCTETS, &pem, NULL);

	m.conf_key.signing = SIGN_HEADER;
	m.conf_key.domain = slice_of(key->domain);
	m.conf_key.selector = slice_of(key->selector);
	m.conf_key.pem = pem;
	if (r < 0)
		log_lost(key->path, strerror(-r));
	else
		link_send(c->link, &m, -1);
	file_forget(&pem);
}

void keys_send(struct child *c)
{
	const struct tree *t = c->parent->tree;

	for (size_t i = 0; i < t->certificate_count; i++)
		send_certificate_key(c, &t->certificates[i]);
	for (size_t i = 0; i < t->dkim_key_count; i++)
		send_dkim_key(c, &t->dkim_keys[i]);
}

void keys_send_names(struct child *c)
{
	const struct tree *t = c->parent->tree;

	for (size_t i = 0; i < t->dkim_key_count; i++) {
		const struct dkim_key *key = &t->dkim_keys[i];
		struct message m = { .type = MESSAGE_CONF_DKIM_KEY };

		m.conf_dkim_key.domain = slice_of(key->domain);
		m.conf_dkim_key.selector = slice_of(key->selector);
		m.conf_dkim_key.scheme = key->kind == DKIM_KEY_RSA
						 ? TLS_RSA_PKCS1_SHA256
						 : TLS_ED25519;
		link_send(c->link, &m, -1);
	}
}

/* Reading has said it the first time. */
void keys_check_dates(struct parent *p)
{
	AUTO(conf_errors_free) struct conf_errors *e = NULL;
	uint64_t now_ms = clock_monotonic_ms();
	const struct tree *t = p->tree;

	if (p->dates_checked_ms == 0)
		p->dates_checked_ms = now_ms;
	if (now_ms - p->dates_checked_ms < DAY_MS)
		return;
	p->dates_checked_ms = now_ms;
	e = conf_errors_new();
	for (size_t i = 0; i < t->certificate_count; i++)
		certificate_check_dates(t->certificates[i].chain_pem,
					t->certificates[i].chain_path, e);
	generation_log(e);
}
