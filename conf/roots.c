#include "conf/roots.h"

#include "conf/named_file.h"

static struct named_file file_of(const struct conf *conf)
{
	return (struct named_file){
		.setting = conf->ca_file,
		.usual_path = "/etc/ssl/certs/ca-certificates.crt",
		.if_missing = "is not there, so certificates of other servers "
			      "prove nothing but by DANE; the package "
			      "ca-certificates has it",
		.limit_octets = ROOTS_OCTETS,
	};
}

const char *roots_path(const struct conf *conf)
{
	const struct named_file file = file_of(conf);

	return named_file_path(&file);
}

struct slice roots_read(const struct conf *conf, struct arena *arena,
			struct conf_errors *errors)
{
	static const struct slice begin = SLICE("-----BEGIN CERTIFICATE-----");
	const struct named_file file = file_of(conf);
	struct slice text = S("");

	if (named_file_read(&file, arena, errors, &text) &&
	    slice_find_slice(text, begin) >= text.n)
		conf_errors_add(errors, named_file_path(&file), 0, NULL,
				"has no certificate in PEM");
	return text;
}
