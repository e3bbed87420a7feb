#!/bin/bash
# Builds Culver with sanitizers and runs every test of it.
#
#   ./test.sh                      all of it
#   ./test.sh unit system lint     the named parts only
#
# As root (or with sudo) it first installs what a fresh Debian 12 lacks; anyone
# else needs it installed already. That brings the filters of Debian that tests
# run; they are not started, but would be at the next boot: use a machine for
# tests. Everything is built in $BUILD_DIR, and the
# last line says "N passed, M failed"; the exit status is 0 if M is 0.
set -u
cd "$(dirname "$0")" || exit 1
top=$PWD
build=${BUILD_DIR:-$top/build-test}
jobs=$(nproc)
. test/install.sh

passed=0
failed=0

say() { printf '\n== %s\n' "$*"; }

# --- what must be installed ---------------------------------------------------

prepare() {
	say "Looking for packages"
	need_packages $run_packages $test_packages || exit 1
	need_filters || exit 1
	fetch_chasquid "$build/chasquid"
	fetch_postfix "$build/postfix"
	# The three users of a server that root starts.
	if [ "$(id -u)" = 0 ]; then
		for user in culver culverq culverhook; do
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
	# They wait more than they compute: more of them than cores. A group
	# shares something that is slow to start.
	BUILD_DIR=$build /usr/bin/python3 -m pytest -q -rfEs \
		-p no:cacheprovider -n $((jobs + 2)) --dist loadgroup \
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
