#!/bin/bash
# Compares Culver with Debian's Postfix and chasquid on this machine and prints
# the table.
#
#   test/bench/run.sh [bench.py's options, such as --scenarios inbound]
#   test/bench/run.sh --scenarios outside --servers culver,postfix,chasquid
#
# As root, since Postfix needs it. Installs Postfix where it is missing, but
# starts no service: both servers run in a network namespace of their own,
# with directories, ports and sockets of their own. Takes about 15 minutes.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD_DIR:-$top/build-bench}

[ "$(id -u)" = 0 ] || { echo "run.sh needs root: Postfix does"; exit 1; }

install_postfix() {
	local policy=/usr/sbin/policy-rc.d own=no status=0
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
		own=yes
	fi
	echo "postfix postfix/main_mailer_type select No configuration" |
		debconf-set-selections
	DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		--no-install-recommends install postfix || status=1
	[ $own = no ] || rm -f $policy
	return $status
}

# One mail server of the package excludes the other: never replace one.
if ! command -v postfix >/dev/null; then
	if [ -e /usr/sbin/sendmail ]; then
		echo "another mail server is installed: remove it, or compare" \
			"elsewhere"
		exit 1
	fi
	install_postfix
fi
[ -e /usr/include/libmilter/mfapi.h ] ||
	DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		--no-install-recommends install libmilter-dev
for user in culver culverq culverhook; do
	id -u $user >/dev/null 2>&1 ||
		useradd --system --user-group --no-create-home \
			--home-dir /nonexistent --shell /usr/sbin/nologin $user
done

cd "$top"
[ -x configure ] || autoreconf -i
mkdir -p "$build"
cd "$build"
[ -f Makefile ] || "$top/configure" -q
make -s -j"$(nproc)" bench-programs
# chasquid is run from its package, which is not installed.
if [ ! -x chasquid/usr/bin/chasquid ]; then
	mkdir -p chasquid
	(cd chasquid && apt-get -q -o APT::Sandbox::User=root \
		download chasquid && dpkg -x chasquid_*.deb .)
fi
exec /usr/bin/python3 "$top/test/bench/bench.py" run --build "$build" "$@"
