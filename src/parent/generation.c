/* One generation of the configuration: read, compared, taken over. */
#include "base/log.h"
#include "base/mem.h"
#include "parent/log_sink.h"
#include "parent/parent-private.h"

#include <stdio.h>
#include <string.h>

void generation_log(const struct conf_errors *errors)
{
	for (size_t i = 0; i < conf_errors_lines(errors); i++)
		LOG(conf_errors_is_warning(errors, i) ? LOG_WARNING : LOG_ERROR,
		    NULL, "configuration",
		    log_string("problem", conf_errors_line(errors, i)));
}

/* Settings read at start only keep their first value. */
static void keep_fixed(const struct parent *p, struct conf *next,
		       struct conf_errors *errors)
{
	static const char *const fixed[] = { "state_dir", "run_dir", "workers",
					     "queue_database" };
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		size_t key = settings_find(&conf_settings, fixed[i]), n;
		const char **was = conf_get(p->tree->conf, key, a, &n);
		const char **is = conf_get(next, key, a, &n);
		bool is_secret = strcmp(fixed[i], "queue_database") == 0;

		if (strcmp(was[0], is[0]) == 0)
			continue;
		conf_errors_warn(errors, NULL, 0, fixed[i],
				 "a change takes a restart; %s stays",
				 is_secret ? "the former" : was[0]);
		(void)conf_set(next, key, was, 1, NULL, 0, errors);
	}
}

static bool has_port(const struct conf *conf, uint64_t port)
{
	for (size_t i = 0; i < conf->smarthost_count; i++)
		if (!conf->smarthosts[i].direct &&
		    conf->smarthosts[i].port == port)
			return true;
	return conf->outbound_port == port;
}

/* `deliver` may connect to the ports that it knew when its cage was shut. */
static void warn_of_ports(const struct parent *p, const struct conf *next,
			  struct conf_errors *errors)
{
	for (size_t i = 0; i < next->smarthost_count; i++) {
		const struct conf_smarthost *s = &next->smarthosts[i];

		if (!s->direct && !has_port(p->tree->conf, s->port))
			conf_errors_warn(errors, NULL, 0, "smarthost",
					 "port %llu takes a restart: until "
					 "then nothing is sent to %s",
					 (unsigned long long)s->port, s->host);
	}
}

static bool has_submission(const struct conf *conf)
{
	return conf->listen_submission.count > 0 ||
	       conf->listen_submissions.count > 0;
}

/* Takes over next if its sockets can be had. */
static bool take(struct parent *p, struct tree **next,
		 struct conf_errors *errors)
{
	bool has_certificate = (*next)->certificate_count > 0;

	if (!listeners_update(p->listeners, (*next)->conf, has_certificate,
			      errors))
		return false;
	if (!has_certificate && has_submission((*next)->conf))
		log_plain(LOG_ERROR, NULL,
			  "no certificate in certs/: port 25 runs without "
			  "STARTTLS, the submission ports stay closed");
	tree_free(&p->tree);
	p->tree = *next;
	*next = NULL;
	p->generation++;
	return true;
}

static void use_log(struct parent *p)
{
	const struct conf *conf = p->tree->conf;
	enum log_sink sink;
	int fd;
	int r = log_sink_open(conf, p->options->is_foreground, &sink, &fd);

	if (r == 0)
		log_use(sink, fd);
	else
		LOG(LOG_ERROR, NULL, "cannot open the log",
		    log_string("log", conf->log),
		    log_string("error", strerror(-r)));
	log_set_level(log_level_find(conf->log_level));
}

/* Of all that is read, as it is on disk. */
static uint64_t look(const struct parent *p, const struct tree *tree)
{
	uint64_t print = tree_fingerprint(p->options->dir);

	if (tree != NULL)
		print ^= tree_system_fingerprint(tree->conf) ^
			 tree_keys_fingerprint(tree);
	return print;
}

bool generation_load(struct parent *p, struct conf_errors *errors)
{
	AUTO(tree_free) struct tree *next = NULL;
	bool ok;

	/* Before reading: what changes meanwhile is read again. */
	p->loaded_print = p->seen_print = look(p, NULL);
	next = tree_load(p->options->dir, p->options->overrides,
			 p->options->override_count, errors);
	if (next != NULL)
		conf_complete(next->conf);
	if (next != NULL && p->tree != NULL) {
		keep_fixed(p, next->conf, errors);
		warn_of_ports(p, next->conf, errors);
	}
	ok = next != NULL && conf_errors_count(errors) == 0 &&
	     take(p, &next, errors);
	if (ok)
		use_log(p);
	if (p->tree != NULL)
		p->loaded_print ^= ok ? p->tree->system_print
				      : look(p, p->tree) ^ look(p, NULL);
	p->seen_print = p->loaded_print;
	generation_log(errors);
	return ok;
}

void generation_reload(struct parent *p, struct conf_errors *errors)
{
	notify_reloading(p->notify);
	if (generation_load(p, errors)) {
		for (size_t i = 0; i < p->child_count; i++)
			if (p->children[i].link != NULL)
				generation_send(p, &p->children[i]);
		LOG(LOG_INFO, NULL, "configuration loaded",
		    log_number("generation", p->generation),
		    log_number("domains", p->tree->domain_count),
		    log_number("certificates", p->tree->certificate_count));
	} else {
		log_plain(LOG_ERROR, NULL,
			  "configuration not taken: the last good one stays");
	}
	notify_send(p->notify, "READY=1");
}

void generation_look(struct parent *p)
{
	uint64_t print = look(p, p->tree);
	bool is_stable = print == p->seen_print;

	/* Two looks alike: nobody is in the middle of writing. */
	p->seen_print = print;
	if (print != p->loaded_print && is_stable) {
		AUTO(conf_errors_free)
		struct conf_errors *errors = conf_errors_new();

		generation_reload(p, errors);
	}
}
