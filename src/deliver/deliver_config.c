#include "deliver/deliver_config.h"

enum {
	GREETING_MS = 10000,
	ANSWER_MS = 60000,
	FINAL_MS = 300000, /* Sieve may submit mail and wait for that */
	IDLE_MS = 60000,
	OUTSIDE_IDLE_MS = 5000, /* others' connections are not ours to keep */
};

struct lmtp_pool_config deliver_config_inside(const struct conf *conf)
{
	return (struct lmtp_pool_config){
		.hostname = conf->hostname,
		.connections = (unsigned)conf->lmtp_connections,
		.greeting_ms = GREETING_MS,
		.answer_ms = ANSWER_MS,
		.final_ms = FINAL_MS,
		.idle_ms = IDLE_MS,
	};
}

/* A destination rests less than its mail, which so meets it awake. */
struct remote_config deliver_config_outside(const struct conf *conf)
{
	return (struct remote_config){
		.hostname = conf->hostname,
		.address4 = conf->outbound_address4,
		.address6 = conf->outbound_address6,
		.port = (unsigned)conf->outbound_port,
		.uses_loopback = conf->outbound_loopback,
		.connections = (unsigned)conf->outbound_connections,
		.connections_per_destination =
			(unsigned)conf->outbound_connections_per_destination,
		.idle_ms = OUTSIDE_IDLE_MS,
		.rest_ms = (unsigned)conf->retry_first * 1000 / 2,
		.rest_max_ms = (unsigned)conf->retry_first * 1000 * 4,
	};
}
