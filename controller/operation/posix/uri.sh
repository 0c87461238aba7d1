# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# HTTP requests made by the host. Everything that may be secret, the address included, is in the payload and reaches
# the client on its standard input or in a file of the private folder, never in its arguments.

# pl_uri CREATES REMOVES ALWAYS CURL WGET ADDRESS BODY: the payload holds a configuration for curl, one for wget, the
# address and the body, which have these lengths. ALWAYS is 1 when the content is wanted whatever it is.
# Status 0 answered, 1 not, 75 when there is no client.
pl_uri() {
pl_guard_files '' "$1" "$2"
case $? in
0) ;;
1) return 0 ;;
*) return 1 ;;
esac
pl_home=$pl_d/uri$pl_i pl_always=$3 pl_n=$7
if command -v curl >/dev/null 2>&1; then
pl_name=curl
elif wget --version 2>/dev/null | grep -q 'GNU Wget'; then
pl_name=wget
else
pl_v client none
return 75
fi
mkdir -m 700 "$pl_home" || return 1
[ "$pl_n" = 0 ] || tail -c "$pl_n" "$pl_payload" >"$pl_home/request"
if [ $pl_name = curl ]; then
head -c "$4" "$pl_payload" >"$pl_home/config"
pl_stdin=$pl_home/config
set -- curl -q -K - -D "$pl_home/head" -o "$pl_home/body"
[ "$pl_n" = 0 ] || set -- "$@" --data-binary "@$pl_home/request"
else
tail -c "+$(($4 + 1))" "$pl_payload" | head -c "$5" >"$pl_home/config"
tail -c "+$(($4 + $5 + 1))" "$pl_payload" | head -c "$6" >"$pl_home/address"
pl_stdin=$pl_home/address
# By its place, or a setsid of busybox would start its own applet.
set -- "$(command -v wget)" -nv "--config=$pl_home/config" -i - -O "$pl_home/body"
[ "$pl_n" = 0 ] || set -- "$@" "--body-file=$pl_home/request"
fi
pl_run "${pl_limit:-0}" "$@"
pl_r=$?
pl_v client "$pl_name"
if [ $pl_name = curl ]; then
[ ! -s "$pl_home/head" ] || pl_b head "$pl_home/head"
else
pl_always=1
fi
[ -n "$pl_always" ] || ! grep -Eiq '^content-type:.*(json|javascript)' "$pl_home/head" 2>/dev/null || pl_always=1
if [ -n "$pl_always" ] && [ -s "$pl_home/body" ]; then
pl_b body "$pl_home/body" || pl_v cut 1
fi
rm -rf "$pl_home"
return 0
}
