/* certs/ of tree.h. */
#include "base/mem.h"
#include "conf/certificate.h"
#include "conf/file.h"
#include "conf/tree-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { CHAIN_OCTETS = 256 << 10 };

void tree_check_mode(const struct loader *l, const char *path,
		     const struct stat *st)
{
	if ((st->st_mode & S_IROTH) != 0)
		conf_errors_warn(l->errors, path, 0, NULL,
				 "everyone on this machine can read the key; "
				 "mode 0600 or 0640 is right");
}

/* One of a pair; an empty slice when it is not there or an error was added. */
static struct slice read_pem(struct loader *l, const char *path,
			     size_t limit_octets, struct stat *ret_stat)
{
	struct slice text = { .p = NULL, .n = 0 };
	int r = file_read(AT_FDCWD, path, limit_octets, &text, ret_stat);

	if (r < 0 && r != -ENOENT)
		conf_errors_add(l->errors, path, 0, NULL, "cannot be read: %s",
				strerror(-r));
	return text;
}

static bool is_pair(struct loader *l, const char *entry,
		    const struct tree_certificate *c)
{
	struct stat st = { .st_mode = 0 };
	struct slice key =
		read_pem(l, c->key_path, CERTIFICATE_KEY_OCTETS, &st);
	bool ok = c->chain_pem.p != NULL && key.p != NULL;

	if (!ok)
		conf_errors_warn(l->errors, tree_path(l, "certs", entry, ""), 0,
				 NULL,
				 "passed over: it takes fullchain.pem and "
				 "privkey.pem");
	if (ok)
		tree_check_mode(l, c->key_path, &st);
	ok = ok && certificate_check(c->chain_pem, key, c->chain_path,
				     c->key_path, l->errors);
	file_forget(&key);
	return ok;
}

static void load_certificate(struct loader *l, const char *entry)
{
	const char *chain = tree_path(l, "certs", entry, "fullchain.pem");
	struct loaded *to = l->to;
	struct tree_certificate *c;

	to->certificates =
		mem_resize(to->certificates, to->tree.certificate_count + 1,
			   sizeof(*to->certificates));
	c = &to->certificates[to->tree.certificate_count];
	*c = (struct tree_certificate){
		.name = arena_string(to->arena, slice_of(entry)),
		.chain_path = chain,
		.key_path = tree_path(l, "certs", entry, "privkey.pem"),
		.chain_pem = read_pem(l, chain, CHAIN_OCTETS, NULL),
	};
	if (is_pair(l, entry, c))
		to->tree.certificate_count++;
	else
		mem_free(&c->chain_pem.p);
}

void tree_load_certificates(struct loader *l)
{
	struct loaded *to = l->to;

	(void)tree_for_each(l, "certs", load_certificate);
	if (to->tree.certificate_count == 0)
		conf_errors_warn(l->errors, tree_path(l, "certs", "", ""), 0,
				 NULL,
				 "no certificate: port 25 runs without "
				 "STARTTLS, and submission stays closed; put "
				 "NAME/fullchain.pem and NAME/privkey.pem "
				 "here");
	to->tree.certificates = to->certificates;
}
