# Starting and stopping the whole product beside a simulated model, for the demo, the system tests and the benchmark. Sourced by bash.
#   BIN   where the programs are            OUT   directory for logs, data and files of this run
# Sets: model_pid serve_pid base (http://127.0.0.1:PORT) relay (host:port of the relay's own listener)

: "${BIN:=${OFFHOOK_BIN:-$PWD/build}}"
: "${SPEECH:=$PWD/build/speech}"
model_pid= serve_pid= base= relay=

own_environment() { # nothing of the user's .env or environment counts; data and ports of our own
	local v
	for v in $(env | sed -n 's/^\([A-Z_]*\)=.*/\1/p'); do
		case $v in OPENAI_* | OFFHOOK_* | TWILIO_* | PUBLIC_URL) unset "$v" ;; esac
	done
	export OFFHOOK_ENV=/dev/null OFFHOOK_HTTP_PORT=0 OFFHOOK_RELAY_LISTEN=127.0.0.1:0 OFFHOOK_DATA_DIR=$OUT/data
	made_up_account
}

made_up_account() {
	export PUBLIC_URL=${PUBLIC_URL:-https://offhook.example}
	export TWILIO_ACCOUNT_SID=${TWILIO_ACCOUNT_SID:-AC0ff00c00000000000000000000000001}
	export TWILIO_AUTH_TOKEN=${TWILIO_AUTH_TOKEN:-0ff00c000000000000000000000000aa}
}

nap() { read -r -t "$1" <> <(:) || true; } # without a process of its own

line_from() { # FILE PATTERN PID SECONDS: waits for a line of a program that is starting
	local n=0 l
	while [ $n -lt $(($4 * 20)) ]; do
		l=$(grep -m1 -E "$2" "$1" 2>/dev/null) && { echo "$l"; return 0; }
		kill -0 "$3" 2>/dev/null || return 1
		n=$((n + 1)); nap 0.05
	done
	return 1
}

start_model() { # [options of offhook-sim model]
	mkdir -p "$OUT" "$SPEECH"
	: >"$OUT/model.out"
	"$BIN/offhook-sim" model --listen 127.0.0.1:0 --ca-out "$OUT/model-ca.pem" --speech "$SPEECH" --stats "$OUT/model-stats.json" "$@" \
		>>"$OUT/model.out" 2>>"$OUT/model.log" &
	model_pid=$!
	local url
	url=$(line_from "$OUT/model.out" 'wss?://' $model_pid 60 | grep -oE 'wss?://[^ ]+') || {
		echo "offhook: the simulated model did not start:" >&2; cat "$OUT/model.log" >&2; return 1; }
	export OPENAI_API_KEY=${OPENAI_API_KEY:-sk-simulated} OPENAI_REALTIME_URL=$url OPENAI_CA_FILE=$OUT/model-ca.pem
}

start_product() {
	: >"$OUT/serve.out"
	"$BIN/offhook" serve >>"$OUT/serve.out" 2>>"$OUT/serve.log" &
	serve_pid=$!
	local ready
	ready=$(line_from "$OUT/serve.out" '^offhook: ready ' $serve_pid 60) || {
		echo "offhook: the product did not start:" >&2; tail -30 "$OUT/serve.log" >&2; return 1; }
	base=${ready#offhook: ready }; base=${base%/}
}

stop_product() { # ends at once, as Ctrl-C does
	[ -n "$serve_pid" ] && kill -INT "$serve_pid" 2>/dev/null && wait "$serve_pid" 2>/dev/null
	[ -n "$model_pid" ] && kill -TERM "$model_pid" 2>/dev/null && wait "$model_pid" 2>/dev/null
	serve_pid= model_pid=
}

phone() { # [options of offhook-sim phone]: places calls through lighttpd; account and token by the environment, which no process list shows
	"$BIN/offhook-sim" phone --url "$base/api/webhook/" --public-url "$PUBLIC_URL" \
		--speech-cache "$SPEECH" "$@"
}
