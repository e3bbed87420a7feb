#include "conf/trust_anchor.h"

#include "conf/named_file.h"

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

static struct named_file file_of(const struct conf *conf)
{
	return (struct named_file){
		.setting = conf->trust_anchor,
		/* Debian's package dns-root-data. */
		.usual_path = "/usr/share/dns/root.key",
		.if_missing = "is not there, so DNS answers are not "
			      "validated and DANE is off; the package "
			      "dns-root-data has it",
		.limit_octets = TRUST_ANCHOR_OCTETS,
	};
}

const char *trust_anchor_path(const struct conf *conf)
{
	const struct named_file file = file_of(conf);

	return named_file_path(&file);
}

struct slice trust_anchor_read(const struct conf *conf, struct arena *arena,
			       struct conf_errors *errors)
{
	const struct named_file file = file_of(conf);
	struct slice text = S("");

	if (named_file_read(&file, arena, errors, &text) && !has_record(text))
		conf_errors_add(errors, named_file_path(&file), 0, NULL,
				"has no DS or DNSKEY record");
	return text;
}
