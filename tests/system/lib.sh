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

# --- Twilio's webhooks by hand: signed with openssl, sent with curl ---
sign() { # URL [NAME=VALUE...]: X-Twilio-Signature
	local url=$1; shift
	{ printf %s "$url"; printf '%s\0' "$@" | LC_ALL=C sort -z -t= -k1,1 | sed -z 's/=//' | tr -d '\0'; } | openssl dgst -sha1 -hmac "$TWILIO_AUTH_TOKEN" -binary | base64
}
twilio_post() { # PATH [NAME=VALUE...]: prints the body, then the status on a line of its own
	local path=$1 args=() p sig; shift
	sig=$(sign "$PUBLIC_URL$path" "$@")
	for p in "$@"; do args+=(--data-urlencode "$p"); done
	curl -s -m 10 -o - -w '\n%{http_code}\n' -H "X-Twilio-Signature: $sig" "${args[@]}" "$base$path"
}
call_sid() { # a fresh one
	echo "CA$(head -c16 /dev/urandom | od -An -tx1 | tr -d ' \n')"
}
incoming() { # CALLSID: the call webhook
	twilio_post /api/webhook/ AccountSid="$TWILIO_ACCOUNT_SID" ApiVersion=2010-04-01 CallSid="$1" CallStatus=ringing Direction=inbound \
		From=+15005550010 To=+15005550006
}
session_in() { grep -oE '/ws/realtime/[0-9a-f-]{36}' | head -1 | cut -d/ -f4; }
offhook() { "$BIN/offhook" "$@"; }
children() { # NAME: pids of our product's processes of that program name
	pgrep -x -- "${1:0:15}" 2>/dev/null | while read -r p; do
		{ tr '\0' '\n' <"/proc/$p/environ"; } 2>/dev/null | grep -qx "OFFHOOK_DATA_DIR=$OFFHOOK_DATA_DIR" && echo "$p"
	done
}
