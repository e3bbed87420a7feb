#!/bin/bash
# A letter travels from an SMTP client through Culver into a Dovecot mailbox.
#
#   ./demo.sh          shows it, and stays up for you to try; Ctrl-C ends it
#   ./demo.sh --once   shows it and exits: 0 only if both letters arrived
#
# Everything runs on loopback ports in a temporary directory; a mail server
# that this machine may have is not touched. As root (or with sudo) it installs
# what a fresh Debian 12 lacks.
set -u
cd "$(dirname "$0")" || exit 1
top=$PWD
build=${BUILD_DIR:-$top/build-demo}
once=no
case ${1:-} in
--once) once=yes ;;
"") ;;
*) echo "usage: ./demo.sh [--once]" >&2 && exit 2 ;;
esac
. test/install.sh

place=
processes=
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
die() { echo "demo.sh: $*" >&2; exit 1; }

clean_up() {
	local status=$? p
	trap - EXIT INT TERM
	for p in $processes; do
		kill "$p" 2>/dev/null && wait "$p" 2>/dev/null
	done
	[ -z "$place" ] || rm -rf "$place"
	exit $status
}
trap clean_up EXIT
trap 'echo; echo "Good-bye."; exit 0' INT
trap 'exit 143' TERM

# Nobody runs the server if root starts the demo.
unprivileged() {
	if [ "$(id -u)" = 0 ]; then
		exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		exec "$@"
	fi
}

free_ports() {
	/usr/bin/python3 - "$1" <<'EOF'
import socket
import sys
sockets = [socket.create_server(("127.0.0.1", 0))
           for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in sockets))
EOF
}

# wait_for SECONDS FILE WORD: until the file has the word.
wait_for() {
	local i
	for ((i = 0; i < $1 * 20; i++)); do
		grep -q "$3" "$2" 2>/dev/null && return 0
		sleep 0.05
	done
	cat "$2" >&2
	return 1
}

install_and_build() {
	say "1/4  Packages"
	need_packages $run_packages || die "packages are missing"
	echo "all there"

	say "2/4  Building in $build"
	[ -x configure ] || autoreconf -i || die "autoreconf failed"
	mkdir -p "$build" && cd "$build" || exit 1
	if [ ! -f Makefile ] || [ "$top/configure" -nt config.status ]; then
		echo "configure ..."
		"$top/configure" -q || die "configure failed"
	fi
	make -j"$(nproc)" src/culverd src/culver || die "make failed"
	cd "$top" || exit 1
}

start_dovecot() {
	/usr/bin/python3 test/system/dovecot.py --imap-port "$imap" \
		--submission-host "127.0.0.1:$smtp" \
		--user alice@example.com=secret --user bob@example.com=secret \
		>"$place/dovecot" 2>&1 &
	processes="$! $processes"
	wait_for 30 "$place/dovecot" '^ready' || die "Dovecot did not start"
	dovecot=$(sed -n 's/^directory //p' "$place/dovecot")
	echo "Dovecot: IMAP on 127.0.0.1:$imap, LMTP on $dovecot/run/lmtp"
}

start_culver() {
	local conf=$place/conf
	mkdir -p "$conf/domains/example.com" "$conf/certs/mx.demo.test" \
		"$place/state" "$place/run"
	cp "$build/src/culverd" "$build/src/culver" "$place"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 7 -subj /CN=mx.demo.test \
		-addext subjectAltName=DNS:mx.demo.test \
		-keyout "$conf/certs/mx.demo.test/privkey.pem" \
		-out "$conf/certs/mx.demo.test/fullchain.pem" 2>/dev/null ||
		die "openssl failed"
	cat >"$conf/culver.conf" <<EOF
hostname = mx.demo.test
listen_smtp = { "127.0.0.1:$smtp" }
listen_submission = { "127.0.0.1:$submission" }
listen_submissions = { "127.0.0.1:$submissions" }
state_dir = "$place/state"
run_dir = "$place/run"
dovecot_auth_client = "$dovecot/run/auth-culver-client"
dovecot_auth_userdb = "$dovecot/run/auth-culver-userdb"
dovecot_lmtp = "$dovecot/run/lmtp"
log = stderr
EOF
	echo "info: alice, bob" >"$conf/domains/example.com/aliases"
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$place"
	(unprivileged "$place/culverd" -F -c "$conf") >"$place/log" 2>&1 &
	processes="$! $processes"
	wait_for 20 "$place/log" 'culverd: ready' || die "Culver did not start"
	echo "Culver: SMTP on 127.0.0.1:$smtp, submission on $submission" \
		"(STARTTLS) and $submissions (TLS)"
}

# send TITLE SWAKS-ARGUMENT...: shows the conversation, or why it failed.
send() {
	echo
	echo "--- $1"
	shift
	if ! swaks "$@" >"$place/swaks" 2>&1; then
		cat "$place/swaks"
		return 1
	fi
	grep -E '^(<[-~]|=== TLS started)|^ [-~]> (EHLO|MAIL|RCPT|AUTH|STARTTLS|DATA|QUIT|\.$)' \
		"$place/swaks" | grep -v '  250-' | cut -c1-100
}

# Shows the letters over IMAP; fails unless both arrive in time.
show_mailboxes() {
	/usr/bin/python3 - "$imap" <<'EOF'
import email
import imaplib
import sys
import time

missing = 0
for user, subject in (("alice@example.com", "From another server"),
                      ("bob@example.com", "From alice, logged in")):
    imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
    imap.login(user, "secret")
    deadline = time.monotonic() + 15
    found = []
    while not found and time.monotonic() < deadline:
        imap.select("INBOX")
        found = imap.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        time.sleep(0.1)
    print(f"\n--- IMAP: the INBOX of {user}")
    if not found:
        print("nothing arrived")
        missing += 1
    for number in found:
        content = imap.fetch(number, "(RFC822)")[1][0][1]
        letter = email.message_from_bytes(content)
        for name in ("Return-Path", "Received", "From", "To", "Subject"):
            for value in letter.get_all(name, []):
                print(f"{name}: {' '.join(value.split())}")
        print(f"\n{letter.get_payload().strip()}")
    imap.logout()
sys.exit(missing)
EOF
}

stay_up() {
	say "Your turn"
	cat <<EOF
Send another letter:
  swaks --server 127.0.0.1:$smtp --to info@example.com
  swaks --server 127.0.0.1:$submission -tls --auth-user alice@example.com \\
        --auth-password secret --from alice@example.com --to bob@example.com
Look into the mailboxes (users alice@example.com and bob@example.com, password
"secret") with IMAP on 127.0.0.1:$imap, or in $dovecot/home.
Ask Culver:
  $place/culver -c $place/conf resolve info@example.com
  $place/culver -c $place/conf queue
Ctrl-C ends it all. The log, as it grows:
EOF
	tail -n 0 -F "$place/log" &
	processes="$! $processes"
	wait "$!"
}

install_and_build
say "3/4  Starting a private Dovecot and Culver"
place=$(mktemp -d /tmp/culver-demo.XXXXXX) || exit 1
chmod 755 "$place"
read -r smtp submission submissions imap < <(free_ports 4)
start_dovecot
start_culver

say "4/4  Two letters"
failed=0
send "as another server would: port 25 style" \
	--server "127.0.0.1:$smtp" --ehlo client.example.net \
	--from someone@example.net --to alice@example.com \
	--header "Subject: From another server" --body "Dear Alice ..." ||
	failed=1
send "as a user would: STARTTLS, AUTH by Dovecot" \
	--server "127.0.0.1:$submission" -tls --ehlo laptop.example.com \
	--auth-user alice@example.com --auth-password secret \
	--from alice@example.com --to bob@example.com \
	--header "Subject: From alice, logged in" --body "Dear Bob ..." ||
	failed=1
show_mailboxes || failed=1
if [ $failed != 0 ]; then
	echo
	echo "--- Culver's log"
	cat "$place/log"
	die "not both letters arrived"
fi
say "Both letters arrived."
[ $once = yes ] || stay_up
