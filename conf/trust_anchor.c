#include "conf/trust_anchor.h"

#include "base/mem.h"
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Debian's package dns-root-data. */
static const char default_path[] = "/usr/share/dns/root.key";

static bool has_record(struct slice text)
{
	while (text.n > 0) {
		struct slice line;

		(void)slice_cut(text, '\n', &line, &text);
		(void)slice_cut(line, ';', &line, &(struct slice){ 0 });
		if (slice_find_slice(line, S("DS")) < line.n ||
		    slice_find_slice(line, S("DNSKEY")) < line.n)
			return true;
	}
	return false;
}

const char *trust_anchor_path(const struct conf *conf)
{
	return conf->trust_anchor[0] == '\0' ? default_path
					     : conf->trust_anchor;
}

struct slice trust_anchor_read(const struct conf *conf, struct arena *arena,
			       struct conf_errors *errors)
{
	bool is_default = conf->trust_anchor[0] == '\0';
	const char *path = trust_anchor_path(conf);
	struct slice text, copy;
	int r = file_read(AT_FDCWD, path, TRUST_ANCHOR_OCTETS, &text, NULL);

	if (r == -ENOENT && is_default) {
		conf_errors_warn(errors, path, 0, NULL,
				 "is not there, so DNS answers are not "
				 "validated and DANE is off; the package "
				 "dns-root-data has it");
		return S("");
	}
	if (r < 0) {
		conf_errors_add(errors, path, 0, NULL, "cannot be read: %s",
				strerror(-r));
		return S("");
	}
	copy = arena_copy(arena, text);
	mem_free(&text.p);
	if (!has_record(copy))
		conf_errors_add(errors, path, 0, NULL,
				"has no DS or DNSKEY record");
	return copy;
}
