/* The way of mail outside: hosts, what proves them, the smarthost. */
#include "control/answer-private.h"
#include "control/answer.h"

static const char *route_name(uint32_t result)
{
	static const char *const names[] = {
		[ROUTE_HOSTS] = "hosts",
		[ROUTE_NO_DOMAIN] = "no domain",
		[ROUTE_NO_HOST] = "no host",
		[ROUTE_NULL_MX] = "null mx",
		[ROUTE_TRY_LATER] = "try later",
		[ROUTE_LOOP] = "loop",
	};

	return result < sizeof(names) / sizeof(names[0]) ? names[result] : "?";
}

static const char *dane_name(const struct host *h)
{
	if (h->is_tlsa_bogus)
		return "bogus";
	if (!h->has_tlsa)
		return "none";
	return h->tlsa.count > 0 ? "usable" : "unusable";
}

static json_t *sts(const struct msg_route *m)
{
	const struct sts *s = &m->sts;
	json_t *object = json_object();

	(void)json_object_set_new(object, "id", answer_text(s->id));
	(void)json_object_set_new(object, "mode",
				  json_string(sts_mode_word(s->mode)));
	(void)json_object_set_new(object, "max_age",
				  answer_number(s->max_age_s));
	(void)json_object_set_new(object, "mx", answer_texts(s->patterns));
	(void)json_object_set_new(object, "fetched", answer_number(s->fetched));
	(void)json_object_set_new(
		object, "source",
		json_string(m->is_sts_fresh ? "fetched" : "kept"));
	return object;
}

/* What MTA-STS says of a host: with DANE, nothing. */
static const char *sts_word(const struct msg_route *m, const struct host *h)
{
	const struct sts_policy policy = {
		.patterns = m->sts.patterns.items,
		.pattern_count = m->sts.patterns.count,
	};

	if (m->sts.mode == STS_NONE || h->tlsa.count > 0)
		return "none";
	return sts_policy_names(&policy, h->name) ? "named" : "unnamed";
}

static json_t *host(const struct msg_route *m, const struct host *h)
{
	json_t *object = json_object(), *tlsa = json_array();

	for (size_t i = 0; i < h->tlsa.count; i++)
		(void)json_array_append_new(tlsa, answer_hex(h->tlsa.items[i]));
	(void)json_object_set_new(object, "name", answer_text(h->name));
	(void)json_object_set_new(object, "preference",
				  answer_number(h->preference));
	(void)json_object_set_new(object, "addresses",
				  answer_texts(h->addresses));
	(void)json_object_set_new(object, "secure", json_boolean(h->is_secure));
	(void)json_object_set_new(object, "dane", json_string(dane_name(h)));
	(void)json_object_set_new(object, "tlsa", tlsa);
	(void)json_object_set_new(object, "sts", json_string(sts_word(m, h)));
	return object;
}

static json_t *smarthost_json(const struct conf_smarthost *s)
{
	bool is_first = conf_smarthost_is_tls_first(s);
	json_t *object = json_object();

	(void)json_object_set_new(object, "host", json_string(s->host));
	(void)json_object_set_new(object, "port", answer_number(s->port));
	(void)json_object_set_new(object, "senders", json_string(s->name));
	(void)json_object_set_new(object, "user", json_string(s->user));
	(void)json_object_set_new(
		object, "tls",
		json_string(is_first ? "immediate" : "starttls"));
	return object;
}

void answer_route(struct evbuffer *out, const struct msg_route *m,
		  const struct conf_smarthost *smarthost)
{
	json_t *object = json_object(), *hosts = json_array();

	for (size_t i = 0; i < m->hosts.count; i++)
		(void)json_array_append_new(hosts, host(m, &m->hosts.items[i]));
	(void)json_object_set_new(object, "result",
				  json_string(route_name(m->result)));
	(void)json_object_set_new(object, "secure", json_boolean(m->is_secure));
	(void)json_object_set_new(object, "problem", answer_text(m->problem));
	(void)json_object_set_new(object, "hosts", hosts);
	(void)json_object_set_new(object, "ipv6", json_boolean(m->uses_ipv6));
	(void)json_object_set_new(object, "ipv6_reason",
				  answer_text(m->ipv6_reason));
	if (smarthost != NULL)
		(void)json_object_set_new(object, "smarthost",
					  smarthost_json(smarthost));
	if (m->sts.id.n > 0)
		(void)json_object_set_new(object, "sts", sts(m));
	(void)json_object_set_new(object, "sts_problem",
				  answer_text(m->sts_problem));
	answer_put(out, object);
}
