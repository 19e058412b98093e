# What the system tests share: TAP lines, a product of their own, waiting for events. Sourced by tests/system/*.test (bash).
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
BIN=${OFFHOOK_BIN:-$PWD/build}
name=$(basename "$0" .test)
OUT=$(mktemp -d "${TMPDIR:-/tmp}/offhook-$name.XXXXXX")
. tests/sim/product.sh
tests=0 failed=0

ok() { # STATUS NAME: 0 is good
	tests=$((tests + 1))
	if [ "$1" = 0 ]; then echo "ok $tests - $2"; else echo "not ok $tests - $2"; failed=$((failed + 1)); fi
}
is() { # GOT WANTED NAME
	[ "$1" = "$2" ]; local rc=$?
	ok $rc "$3"
	[ $rc = 0 ] || echo "#   got '$1', wanted '$2'"
}
note() { echo "# $*"; }
skip() { tests=$((tests + 1)); echo "ok $tests - # SKIP $1"; }
until_true() { # SECONDS COMMAND...: polls; false when it never came true
	local end=$((SECONDS + $1)); shift
	until "$@"; do [ $SECONDS -lt $end ] || return 1; nap 0.05; done
}
finish() {
	trap - EXIT
	stop_product
	echo "1..$tests"
	if [ $failed = 0 ]; then rm -rf "$OUT"; else echo "# kept: $OUT"; tail -20 "$OUT/serve.log" 2>/dev/null | sed 's/^/# serve: /'; fi
	exit $((failed != 0))
}
trap 'ok 1 "ended before its end"; finish' EXIT
own_environment
