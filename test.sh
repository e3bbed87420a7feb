#!/bin/bash
# Builds Culver with sanitizers and runs every test of it.
#
#   ./test.sh                      all of it
#   ./test.sh unit system lint     the named parts only
#
# As root (or with sudo) it first installs what a fresh Debian 12 lacks; anyone
# else needs it installed already. Everything is built in $BUILD_DIR, and the
# last line says "N passed, M failed"; the exit status is 0 if M is 0.
set -u
cd "$(dirname "$0")" || exit 1
top=$PWD
build=${BUILD_DIR:-$top/build-test}
jobs=$(nproc)

packages="gcc make autoconf automake pkg-config libc6-dev
	libevent-dev libssl-dev libsqlite3-dev libidn2-dev libunistring-dev
	libconfuse-dev libjansson-dev libseccomp-dev libcmocka-dev
	dovecot-core dovecot-lmtpd dovecot-imapd dovecot-sieve
	python3 python3-pytest python3-pytest-timeout python3-pytest-xdist
	swaks sqlite3 openssl util-linux iproute2
	clang-format clang-tidy cppcheck"
# Those whose security updates matter to us; installing them upgrades them.
libraries="libevent-core-2.1-7 libevent-extra-2.1-7 libevent-openssl-2.1-7
	libssl3 openssl"

passed=0
failed=0

say() { printf '\n== %s\n' "$*"; }

# --- what must be installed ---------------------------------------------------

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

missing_packages() {
	local p
	for p in $packages $libraries; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null |
			grep -q ' installed$' || echo "$p"
	done
	# libevent before this has known holes in what we use.
	dpkg --compare-versions "$(dpkg-query -W -f='${Version}' \
		libevent-core-2.1-7 2>/dev/null)" ge 2.1.12-stable-8+deb12u1 ||
		echo libevent-core-2.1-7
}

# No service of a package is to start here: Dovecot is run by the tests.
install_packages() {
	local policy=/usr/sbin/policy-rc.d own=no status=0
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
		as_root chmod 755 $policy
		own=yes
	fi
	as_root apt-get -q update &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
			--no-install-recommends install $packages $libraries ||
		status=1
	[ $own = no ] || as_root rm -f $policy
	return $status
}

prepare() {
	local missing
	missing=$(missing_packages)
	if [ -n "$missing" ]; then
		say "Installing:" $missing
		if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
			echo "run as root once, or install these yourself"
			exit 1
		fi
		install_packages || exit 1
	fi
	# The two users of a server that root starts.
	if [ "$(id -u)" = 0 ]; then
		for user in culver culverq; do
			id -u $user >/dev/null 2>&1 ||
				useradd --system --user-group --no-create-home \
					--home-dir /nonexistent \
					--shell /usr/sbin/nologin $user || exit 1
		done
	fi
}

# --- the parts -----------------------------------------------------------------

# quietly LOG COMMAND...: its output goes to LOG, and is shown if it fails.
quietly() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 && return 0
	echo "failed: $*"
	cat "$log"
	return 1
}

stop_broken() {
	echo
	echo "$passed passed, $((failed + 1)) failed"
	exit 1
}

build_all() {
	say "Building with AddressSanitizer and UBSan"
	mkdir -p "$build" || stop_broken
	# Later changes are seen by make itself.
	if [ ! -x configure ]; then
		quietly "$build/autoreconf.log" autoreconf -i || stop_broken
	fi
	cd "$build" || exit 1
	if [ ! -f Makefile ] || [ "$top/configure" -nt config.status ]; then
		quietly configure.log "$top/configure" -q \
			--with-sanitizer=address,undefined || stop_broken
	fi
	quietly make.log make -j"$jobs" all || stop_broken
	grep -E 'warning:' make.log
	cd "$top" || exit 1
}

# cmocka says how many tests of a program passed; another program is one test.
count_unit() {
	local trs log good bad
	for trs in $(find "$build/test" -name '*.trs'); do
		log=${trs%.trs}.log
		good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s).*/\1/p' \
			"$log" | tail -1)
		bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' \
			"$log" | tail -1)
		if grep -q '^:test-result: PASS' "$trs"; then
			passed=$((passed + ${good:-1}))
		else
			[ "${bad:-0}" -gt 0 ] || bad=1
			passed=$((passed + ${good:-0}))
			failed=$((failed + bad))
			echo "--- ${log#"$build"/}"
			cat "$log"
		fi
	done
}

run_unit() {
	local before=$failed status
	say "Unit tests and fuzz seeds"
	find "$build/test" -name '*.trs' -delete 2>/dev/null
	make -C "$build" -j"$jobs" -k check >"$build/check.log" 2>&1
	status=$?
	count_unit
	if [ $status != 0 ] && [ $failed = $before ]; then
		cat "$build/check.log"
		failed=$((failed + 1))
	fi
	echo "$passed passed, $failed failed"
}

run_system() {
	local counts results=$build/system.xml
	say "System tests"
	rm -f "$results"
	# They wait more than they compute: more of them than cores.
	BUILD_DIR=$build /usr/bin/python3 -m pytest -q -rfEs \
		-p no:cacheprovider -n $((jobs + 2)) \
		--junitxml="$results" test/system
	counts=$(/usr/bin/python3 - "$results" <<'EOF'
import sys
import xml.etree.ElementTree as tree
try:
    suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
except (OSError, tree.ParseError):
    print(0, 1)  # pytest itself failed
else:
    n = {k: int(suite.get(k))
         for k in ("tests", "failures", "errors", "skipped")}
    bad = n["failures"] + n["errors"]
    print(max(n["tests"] - bad - n["skipped"], 0),
          bad if n["tests"] else 1)
EOF
	)
	passed=$((passed + ${counts% *}))
	failed=$((failed + ${counts#* }))
}

run_lint() {
	local check
	say "Lint"
	for check in $(make -s -C "$build" lint-list); do
		if quietly "$build/lint-$check.log" \
			make -s -C "$build" "lint-$check"; then
			echo "$check: good"
			passed=$((passed + 1))
		else
			failed=$((failed + 1))
		fi
	done
}

prepare
build_all
for part in ${*:-unit system lint}; do
	case $part in
	unit | system | lint) run_"$part" ;;
	*) echo "unknown part: $part" && exit 2 ;;
	esac
done
echo
echo "$passed passed, $failed failed"
[ $failed = 0 ]
