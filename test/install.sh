# Sourced by test.sh and demo.sh: what must be installed on Debian 12 or 13.

# To build Culver and to run it beside a private Dovecot.
run_packages="gcc make autoconf automake pkg-config libc6-dev
	libevent-dev libssl-dev libsqlite3-dev libidn2-dev libunistring-dev
	libconfuse-dev libjansson-dev libseccomp-dev libunbound-dev dns-root-data libpq-dev
	libcurl4-openssl-dev libspf2-dev libpsl-dev publicsuffix zlib1g-dev
	dovecot-core dovecot-lmtpd dovecot-imapd dovecot-sieve
	python3 swaks libnet-ssleay-perl openssl util-linux"
# To test it as well.
test_packages="libcmocka-dev python3-pytest python3-pytest-timeout
	python3-pytest-xdist nsd ldnsutils sqlite3 postgresql s-nail procps iproute2
	python3-spf python3-authheaders python3-dnspython clang-format clang-tidy cppcheck"
# Filters that Culver is tried with. They are run as nobody in directories of
# the tests' own; no database of viruses or of rules is fetched.
filter_packages="libmilter-dev python3-milter python3-dkim miltertest
	rspamd redis-server opendkim opendkim-tools opendmarc
	clamav-milter clamav-daemon clamdscan
	spamassassin spamd spamc spamass-milter greylistd"
# Those whose security updates matter to us; installing them upgrades them.
# libevent before libevent_fixed has known holes in what we use.
if [ "$(. /etc/os-release && echo "${VERSION_ID:-}")" = 12 ]; then
	libevent_fixed=2.1.12-stable-8+deb12u1 t64=
else # from 13 on times have 64 bits, and the libraries another name
	libevent_fixed=2.1.13-stable-1~deb13u1 t64=t64
fi
library_packages="libevent-core-2.1-7$t64 libevent-extra-2.1-7$t64
	libevent-openssl-2.1-7$t64 libssl3$t64"

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# missing_packages PACKAGE...: those that are not there, or too old.
missing_packages() {
	local p
	for p in "$@" $library_packages; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null |
			grep -q ' installed$' || echo "$p"
	done
	dpkg --compare-versions "$(dpkg-query -W -f='${Version}' \
		"libevent-core-2.1-7$t64" 2>/dev/null)" ge $libevent_fixed ||
		echo "libevent-core-2.1-7$t64"
}

# Tests run PostgreSQL in directories of their own: its package is not to make a
# cluster for the machine.
no_cluster() {
	local conf=/etc/postgresql-common/createcluster.conf
	case " $* " in *" postgresql "*) ;; *) return 0 ;; esac
	[ ! -e $conf ] || return 0
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		--no-install-recommends install postgresql-common &&
		as_root sed -i 's/^#\? *create_main_cluster *=.*/create_main_cluster = false/' \
			$conf
}

# No service of a package is to start: our own scripts run Dovecot.
apt_install() {
	local policy=/usr/sbin/policy-rc.d own=no status=0
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
		as_root chmod 755 $policy
		own=yes
	fi
	as_root apt-get -q update && no_cluster "$@" &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
			--no-install-recommends install "$@" || status=1
	[ $own = no ] || as_root rm -f $policy
	return $status
}

# What the archive knows of them, one a line: a release may lack a filter, and
# its tests are then skipped.
known_packages() {
	apt-cache madison "$@" 2>/dev/null | awk '{print $1}' | sort -u
}

# need_filters: installs those filters that can be had.
need_filters() {
	local missing known
	missing=$(missing_packages $filter_packages)
	[ -n "$missing" ] || return 0
	[ -n "$(known_packages libc6-dev)" ] || as_root apt-get -q update
	known=$(known_packages $missing)
	# Else opendmarc brings a client of MariaDB.
	dpkg-query -W dbconfig-mysql >/dev/null 2>&1 || case "$known" in
	*opendmarc*) known="$known dbconfig-no-thanks" ;;
	esac
	[ -z "$known" ] || need_packages $known || return 1
	missing=$(missing_packages $filter_packages)
	[ -z "$missing" ] || echo "not to be had here:" $missing
}

# fetch_package NAME DIRECTORY FILE: lays the package's files there, if FILE is
# not; for mail servers, which are not to be installed: one takes the place of
# another.
fetch_package() {
	local name=$1 place=$2
	[ -e "$place/$3" ] && return 0
	rm -rf "$place"
	mkdir -p "$place" || return 1
	(cd "$place" && apt-get -q -q download "$name" 2>/dev/null &&
		dpkg-deb -x "$name"_*.deb . && rm -f "$name"_*.deb) ||
		echo "the package $name cannot be had here"
}

# fetch_chasquid DIRECTORY: for its hook script.
fetch_chasquid() {
	fetch_package chasquid "$1" etc/chasquid/hooks/post-data
}

# fetch_postfix DIRECTORY: to exchange mail with; only root can start it. The
# libraries it needs are installed.
fetch_postfix() {
	local libraries
	[ "$(id -u)" = 0 ] || return 0
	fetch_package postfix "$1" usr/lib/postfix/sbin/master
	libraries=$(apt-cache depends postfix 2>/dev/null |
		sed -n 's/^  Depends: \(lib.*\)/\1/p')
	[ -z "$libraries" ] || need_packages $libraries
}

# need_packages PACKAGE...: installs them if something is missing.
need_packages() {
	local missing
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	echo "missing:" $missing
	if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
		echo "Run this once as root or with sudo, or install them." >&2
		return 1
	fi
	apt_install "$@" $library_packages
}
