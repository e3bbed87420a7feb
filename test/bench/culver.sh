# Culver for a harness that sources one such file a server and calls its
# peer_* functions. The program measured is $CULVERD, else culverd in PATH.
# It is given PORT_IN, PORT_SUB (STARTTLS and AUTH), SHARED (a directory with
# lmtp.sock, auth/auth-client, auth/auth-userdb, tls/{cert,key}.pem), D and
# CG_PROCS (the list of the processes it started), and KEEPQ to keep the queue.
: "${CULVERD:=$(command -v culverd)}"
CULVER=${CULVERD%d}
CULVER_PLACE=${CULVER_PLACE:-/opt/peers/culver}

peer_config() {
	local conf=$CULVER_PLACE/conf user
	for user in culver culverq culverhook; do
		id -u $user >/dev/null 2>&1 ||
			useradd --system --user-group --no-create-home \
				--home-dir /nonexistent \
				--shell /usr/sbin/nologin $user
	done
	mkdir -p $conf/domains/bench.test $conf/certs/mx.bench.test
	cp "$SHARED/tls/cert.pem" $conf/certs/mx.bench.test/fullchain.pem
	cp "$SHARED/tls/key.pem" $conf/certs/mx.bench.test/privkey.pem
	cat >$conf/culver.conf <<EOF
hostname = "mx.bench.test"
listen_smtp = { "127.0.0.1:$PORT_IN" }
listen_submission = { "127.0.0.1:$PORT_SUB" }
listen_submissions = {}
state_dir = "$CULVER_PLACE/state"
run_dir = "$CULVER_PLACE/run"
dovecot_auth_client = "$SHARED/auth/auth-client"
dovecot_auth_userdb = "$SHARED/auth/auth-userdb"
dovecot_lmtp = "$SHARED/lmtp.sock"
message_size_limit = "60M"
connection_limit = 100000
connection_limit_per_address = 100000
log = "syslog"
EOF
	[ -n "${KEEPQ:-}" ] || rm -rf "$CULVER_PLACE/state"
}

peer_start() {
	setsid "$CULVERD" -F -c "$CULVER_PLACE/conf" </dev/null \
		>"$CULVER_PLACE/output" 2>&1 &
}

# The first process of the group is the parent; it ends the others.
peer_stop() {
	kill "$(head -1 "$CG_PROCS")" 2>/dev/null
	sleep 0.3
}

peer_queue() {
	sqlite3 "$CULVER_PLACE/state/queue.db" \
		'select count(*) from recipient' 2>/dev/null || echo 0
}

peer_flush() {
	"$CULVER" -C "$CULVER_PLACE/conf" queue retry >/dev/null
}

peer_version() {
	"$CULVERD" -V
}
