#include "auth/login_request.h"

static void put_if_any(struct auth_writer *writer, const char *name,
		       struct slice value)
{
	if (value.n > 0)
		auth_put_pair(writer, name, value);
}

static void put_port(struct auth_writer *writer, const char *name,
		     uint16_t port)
{
	if (port != 0)
		auth_put_pair_number(writer, name, port);
}

bool login_request_write(struct auth_writer *writer,
			 const struct login_params *params)
{
	struct slice initial = params->initial;

	auth_put(writer, S("service=smtp"));
	if (params->is_tls)
		auth_put(writer, S("secured=tls"));
	put_if_any(writer, "rip", params->remote_ip);
	put_if_any(writer, "lip", params->local_ip);
	put_port(writer, "rport", params->remote_port);
	put_port(writer, "lport", params->local_port);
	put_if_any(writer, "session", params->session);
	put_if_any(writer, "local_name", params->local_name);
	put_if_any(writer, "client_id", params->client_id);
	if (params->has_client_cert) {
		auth_put(writer, S("valid-client-cert"));
		put_if_any(writer, "cert_username", params->cert_username);
	}
	if (params->has_initial) { /* a TAB after resp= kills the connection */
		if (slice_equal(initial, S("=")))
			initial = S("");
		if (!auth_is_base64(initial))
			return false;
		auth_put_pair(writer, "resp", initial);
	}
	return !writer->is_full;
}
