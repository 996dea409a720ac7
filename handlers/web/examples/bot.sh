#!/usr/bin/env bash
# A bot that answers "!time" and "!echo …" in the rooms that it is given and wherever else it is a member. It polls the log,
# keeps its session and its place in files, and so answers once, whatever is killed on the way.
#   PARLEY=http://127.0.0.1:8080 BOT=parrot PASSWORD='correct horse' bash bot.sh lobby tea
set -u; umask 077; dir=${STATE:-parley-bot}; mkdir -p "$dir"; touch "$dir/token" "$dir/session" "$dir/place"
call() { # METHOD PATH [BODY [KEY]]: what comes back is in $status, head and body
  status=$(curl -sm 30 -X "$1" "${PARLEY:-http://127.0.0.1:8080}$2" -o "$dir/body" -D "$dir/head" -w '%{http_code}' -H "@$dir/token" \
    -H 'Accept: application/json' ${3:+-H 'Content-Type: application/json' -d @-} ${4:+-H "Idempotency-Key: $4"} <<<"${3-}"); }
cursor() { tr -d '\r' <"$dir/head" | awk 'tolower($1) == "event-cursor:" { print $2 }'; }
keep() { echo "$1" >"$dir/place.new" && mv "$dir/place.new" "$dir/place"; }
enter() { # with the refresh token, which works once and may be spent, or else with the password
  call POST /v1/sessions/refresh "$(jq -cn 'input | {refresh_token}' "$dir/session" 2>/dev/null || echo '{}')"
  [[ ! $status =~ ^40[01]$ ]] || call POST /v1/sessions "$(jq -cn '{username: env.BOT, password: env.PASSWORD}')"
  [[ $status == 20? ]] || { echo "no way in: $status" >&2; sleep 1; return; }
  mv "$dir/body" "$dir/session" && jq -r '"Authorization: Bearer " + .access_token' "$dir/session" >"$dir/token"
  [[ -s $dir/place ]] || { call GET /v1/users/me; [[ $status != 200 ]] || keep "$(cursor)"; } # the first time, it begins now
  for room in $rooms; do call PUT "/v1/rooms/%23$room/members/me"; done
}
answer() { # always in the same words, under the event's id as the key: however often this is done, it is said once
  call POST "/v1/rooms/$(jq .data.room_id <<<"$1")/messages" "$(jq -c '.data | {reply_to: .id, text:
    (if .text == "!time" then "You asked at \(.created_at)." else "You said: \(.text[6:])" end)}' <<<"$1")" "$(jq -r .id <<<"$1")"
  [[ ! $status =~ ^(000|401|429|5..)$ ]]; } # a refusal is an answer too: it may not speak there
rooms=$(jq -rn '$ARGS.positional[] | @uri' --args "$@"); while call GET "/v1/events/log?limit=200&after=$(<"$dir/place")" || :; do
  [[ $status != 410 ]] || : >"$dir/place" # it was away for too long, or the database is another one
  [[ $status == 200 && -s $dir/place ]] || { enter; continue; }
  reached=$(jq -r .cursor "$dir/body"); while read -r event; do answer "$event" || continue 2; done < <(jq -c --slurpfile me "$dir/session" '
    .items[] | select((.event | test("^message.(created|notification)$")) and .data.sender.id != $me[0].user.id) |
    select(.data.text | strings | test("^!(time$|echo .)"))' "$dir/body")
  keep "$reached"; sleep 1
done
