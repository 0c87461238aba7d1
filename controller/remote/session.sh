# The session's program: what /bin/sh becomes. Evaluated once, by text that set pl_d (the private
# directory), plr_tok (the token), plr_len (bytes of that text), plr_cap (most bytes of output per
# step) and plr_bcap (largest blob, a multiple of 65536). Names with plr_ are its own, names with pl_ are for steps.
# One process at a time writes to fd 7: this shell, or while a user command runs a child of the
# watcher. A byte in the fifo at fd 6 is the right to write there. A write that fails ends the shell
# before a step or after it, never within one.
umask >"$pl_d/u"; read -r pl_u <"$pl_d/u"; umask 077
exec 8<&0 7>&1 </dev/null >/dev/null 2>>"$pl_d/err"
trap '' HUP INT TERM PIPE
trap plr_end EXIT
plr_nl='
'
plr_bad=0 plr_ib=0 plr_W=0 plr_c=0 plr_tick=0.25
pl_ledger='' plr_name='' pl_o=$pl_d plr_gone=''
echo 0 >"$pl_d/cur"
plr_die(){ printf 'E %s\n' "$*" >&7; exit 1; }
plr_end(){ # outputs of commands are kept until the controller says that it has written down all results
if [ -n "$plr_gone" ] && [ "$pl_o" != "$pl_d" ]; then rm -rf "$pl_d" "$pl_o"; else rm -rf "$pl_d"; fi; }
plr_bye(){ plr_gone=1; }
pl_keep(){ # file : from now on the ledger of this session, on descriptor 4
{ true >>"$1"; } 2>/dev/null || return 1
exec 4>>"$1"
pl_ledger=$1 pl_o=${1%/*}/out-${pl_d##*/.paceline-}; }
plr_note(){ [ -z "$plr_name" ] || echo "$*" >&4 || plr_die "the ledger $pl_ledger cannot be written"; }
# dd tells how many blocks it moved: plr_n full ones, plr_m short ones.
plr_moved(){ { read -r plr_x; read -r plr_n plr_x; } <"$pl_d/dd"; plr_m=${plr_n#*+} plr_n=${plr_n%+*}; case ${plr_m:-x}${plr_n:-x} in *[!0-9]*) plr_m=0 plr_n=0; return 1;; esac; }
# Within a step nobody may be listening any more; the step is no worse for that.
pl_v(){ # name text : report a value
plr_n=$1; shift
case $* in
*"$plr_nl"*)
[ -z "$plr_name" ] || printf '%s\n' "$*" | while IFS= read -r plr_x; do printf 'W %s %s\n' "$plr_n" "$plr_x"; done >&4
printf 'W %s %s\n%s%s\n' "$pl_i" "$plr_n" "$*" "$plr_tok" >&7 2>/dev/null || true;;
*)
[ -z "$plr_name" ] || printf 'V %s %s\n' "$plr_n" "$*" >&4
printf 'V %s %s %s\n' "$pl_i" "$plr_n" "$*" >&7 2>/dev/null || true;;
esac; }
pl_b(){ # name file : report the bytes of a file
[ -f "$2" ] && [ -r "$2" ] || return 1
plr_note "D $1"
echo "D $pl_i $1" >&7 2>/dev/null || return 0
LC_ALL=C dd if="$2" bs=65536 count=$((plr_bcap+1)) iflag=fullblock,count_bytes >&7 2>"$pl_d/dd"; plr_r=$?
plr_moved && [ $((plr_n*65536+plr_m)) -le "$plr_bcap" ] || plr_r=9
echo "$plr_tok $plr_r" >&7 2>/dev/null || return 0
return $plr_r; }
pl_allow(){ :; }
pl_over(){ :; }
plr_eval(){ eval "$1"; }
plr_step(){ # id epoch group limit payload text name : the name is the step's in the ledger
if [ "$2" -le "$plr_bad" ] || [ -e "$pl_d/hold" ]; then echo "K $1" >&7 || exit; return 0; fi
plr_name=${7-}
[ -n "$pl_ledger" ] || plr_name=
plr_note "S $plr_name"
if ! pl_allow "$4"; then plr_note "X $plr_name"; echo "X $1 ${pl_why:-}" >&7; exit 1; fi
pl_i=$1 plr_e=$2 plr_g=$3 pl_limit=$4 pl_payload= pl_rc= pl_stdin= pl_cwd= pl_env=
[ "$5" = 0 ] || pl_payload=$pl_d/p$1
echo "S $pl_i" >&7 || { plr_note "X $plr_name"; exit; }
plr_eval "$6"; plr_s=$?
[ -z "$pl_payload" ] || [ ! -e "$pl_d/p$pl_i" ] || rm -f "$pl_d/p$pl_i"
case $plr_g$plr_s in
a0|i0) ;;
l0) [ "$plr_ib" != "$plr_e" ] || plr_bad=$plr_e;;
i75) plr_bad=$plr_e;;
i*) plr_ib=$plr_e;;
*) plr_bad=$plr_e;;
esac
[ ! -s "$pl_d/err" ] || plr_err
plr_note "R $plr_name $plr_s"
pl_over
echo "R $pl_i $plr_s" >&7 || exit; }
plr_err(){ # what trusted text wrote to its stderr goes with a failure
if [ "$plr_s" != 0 ] && [ "$plr_s" != 75 ]; then plr_k=0
while [ $plr_k -lt 20 ] && IFS= read -r plr_x; do plr_k=$((plr_k+1)); pl_v pl_stderr "$plr_x"; done <"$pl_d/err"
fi
true >"$pl_d/err"; }
plr_in(){ # id epoch bytes more first : a piece of a payload
if [ "$2" -le "$plr_bad" ]; then plr_f=/dev/null plr_a=N; else plr_f=$pl_d/p$1 plr_a=A; fi
[ "$5" = 0 ] || true >"$plr_f"
if [ "$3" != 0 ]; then dd bs=65536 count="$3" iflag=fullblock,count_bytes <&8 >>"$plr_f" 2>/dev/null || plr_die "a payload does not fit into $pl_d"; fi
IFS= read -r plr_x <&8 && [ "$plr_x" = "$plr_tok" ] || exit 1
[ "$4" = 0 ] || echo "$plr_a $1" >&7 || exit; }
plr_body(){ # bytes : steps in one body
plr_b=$(dd bs=65536 count="$1" iflag=fullblock,count_bytes <&8 2>/dev/null)
case $plr_b in *"#$plr_tok") ;; *) exit 1;; esac
eval "$plr_b"; }
pl_run(){ # seconds argv... : a user command
plr_t=$1; shift
[ "$plr_t" != 0 ] || plr_t=${pl_limit:-0}
[ "$plr_W" != 0 ] || plr_begin
plr_c=$((plr_c+1)) plr_f=$plr_c
read -r plr_x plr_k </proc/uptime
if [ -n "$plr_name" ]; then
plr_note "B ${pl_o##*/} $plr_f"
# A command may do anything, so that after a loss of power it must be known that it had begun.
sync "$pl_ledger"
fi
echo "$plr_f $pl_i ${plr_x%.*}${plr_x#*.} $plr_t" >&5 || exit
( trap - HUP INT TERM PIPE; umask "$pl_u"
[ -z "$pl_cwd" ] || cd -- "$pl_cwd" || exit 126
read -r plr_x plr_k </proc/self/stat; echo "$plr_x $plr_f" >"$pl_d/cur"
eval "$pl_env"
exec setsid "$@" ) <"${pl_stdin:-/dev/null}" >>"$pl_o/o$plr_f" 2>>"$pl_o/e$plr_f" 4>&- 5>&- 6>&- 7>&- 8<&-
pl_rc=$?
[ $pl_rc -le 128 ] || true >"$pl_d/err"
read -r plr_x <&6; echo >"$pl_d/x$plr_f"; echo >&6
echo 0 >"$pl_d/cur"
plr_to=0 plr_dr=0 plr_ao=0 plr_ae=0 plr_xo=0 plr_xe=0
[ ! -e "$pl_d/t$plr_f" ] || plr_to=1
if [ -e "$pl_d/at" ]; then
read -r plr_x plr_k plr_n <"$pl_d/at"; [ "$plr_x" != "$plr_f" ] || plr_ao=$plr_k plr_ae=$plr_n
fi
if [ -e "$pl_d/cut" ]; then
read -r plr_x plr_k plr_n plr_r <"$pl_d/cut"; [ "$plr_x" != "$plr_f" ] || plr_xo=$plr_k plr_xe=$plr_n plr_dr=$plr_r
fi
# Whoever ended it from outside did not let it come to its own end: the ledger does not call that a result.
[ ! -e "$pl_d/int" ] || plr_name=
plr_note "C $pl_rc $plr_to $plr_dr"
if [ -s "$pl_o/o$plr_f" ]; then
plr_l=$((plr_cap/8)); [ "$plr_l" -ge "$plr_ae" ] || plr_l=$plr_ae
plr_rest o $plr_xo $plr_ao $((plr_cap-plr_l)); plr_ao=$plr_n
fi
if [ -s "$pl_o/e$plr_f" ]; then plr_rest e $plr_xe $plr_ae $((plr_cap-plr_ao)); fi
echo "C $pl_i $pl_rc $plr_to $plr_dr" >&7
pl_stdin= pl_cwd= pl_env=
return $pl_rc; }
plr_rest(){ # o|e cut at limit : send what is left of a stream, up to the limit; plr_n is where it ends
plr_y=$pl_o/$1$plr_f plr_k=$3 plr_z=
if [ "$2" != 0 ] || [ "$3" != 0 ]; then plr_z=$(stat -c %s "$plr_y"); fi
if [ "$2" != 0 ]; then plr_dr=$((plr_dr+plr_z)) plr_n=$3
else
[ -z "$plr_z" ] || [ "$plr_z" -ge "$plr_k" ] || plr_k=0
plr_l=$(($4-plr_k)) plr_n=0
[ "$plr_l" -gt 0 ] || plr_l=0
if [ -n "$plr_z" ] && [ $((plr_z-plr_k)) -le 0 ]; then [ -n "$plr_name" ] || true >"$plr_y"; plr_n=$plr_k; return; fi
if [ "$plr_l" -gt 0 ]; then
echo "O $pl_i $1" >&7
LC_ALL=C dd if="$plr_y" bs=65536 skip="$plr_k" count="$plr_l" iflag=fullblock,skip_bytes,count_bytes >&7 2>"$pl_d/dd"
if plr_moved; then plr_n=$(((plr_n+plr_m)*65536)); else plr_n=$plr_l; fi
echo "$plr_tok" >&7
fi
if [ "$plr_n" -ge "$plr_l" ]; then
[ -n "$plr_z" ] || plr_z=$(stat -c %s "$plr_y")
plr_n=$((plr_z-plr_k))
if [ "$plr_n" -gt "$plr_l" ]; then plr_dr=$((plr_dr+plr_n-plr_l)) plr_n=$plr_l; fi
fi
plr_n=$((plr_k+plr_n))
fi
if [ -z "$plr_name" ] || [ "$plr_dr" != 0 ]; then true >"$plr_y"; fi; }
plr_begin(){ # the watcher, at the first user command
( read -r plr_x plr_k </proc/self/stat; [ "$plr_x" != $$ ] ) || plr_die "this /bin/sh does not fork for a subshell"
mkfifo -m 600 "$pl_d/go" "$pl_d/lock" || plr_die "mkfifo does not work in $pl_d"
[ "$pl_o" = "$pl_d" ] || mkdir "$pl_o" || plr_die "cannot make $pl_o for the output of commands"
exec 6<>"$pl_d/lock"; echo >&6
plr_watch & plr_W=$!
exec 5>"$pl_d/go"; }
plr_watch(){ # reads one line per user command; its input ends when the shell is gone, however it went
trap - EXIT
exec 4>&- 8<&- 5<"$pl_d/go"
while read -r plr_f pl_i plr_t0 plr_t <&5; do plr_follow; done
[ ! -d "$pl_d" ] || rm -rf "$pl_d"; exit; }
plr_follow(){ # live output, time limit and the size of the files, until the command is over
plr_xo=0 plr_xe=0 plr_dr=0 plr_st=0 plr_ao=0 plr_ae=0
while [ ! -e "$pl_d/x$plr_f" ]; do
sleep "$plr_tick" 5<&- 6>&- 7>&- || { plr_tick=1; sleep 1 5<&- 6>&- 7>&-; }
[ -d "$pl_d" ] || exit
if ! kill -0 $$; then plr_signal CONT; rm -rf "$pl_d"; exit; fi
[ ! -e "$pl_d/x$plr_f" ] || break
if [ "$plr_t" != 0 ]; then
read -r plr_x plr_k </proc/uptime
[ $((${plr_x%.*}${plr_x#*.}-plr_t0)) -lt $((plr_t*100)) ] || plr_late
fi
[ -s "$pl_o/o$plr_f" ] || [ -s "$pl_o/e$plr_f" ] || continue
set -- $(stat -c %s "$pl_o/o$plr_f" "$pl_o/e$plr_f")
if [ -s "$pl_d/busy" ]; then
# The way to the controller is slower than the command, which waits as it would on a full pipe.
if [ $(($1+$2)) -gt $((plr_cap*3)) ] && [ $plr_st = 0 ]; then plr_signal STOP; plr_st=1; fi
continue
fi
if [ -e "$pl_d/at" ]; then
read -r plr_x plr_k plr_n <"$pl_d/at"; [ "$plr_x" != "$plr_f" ] || plr_ao=$plr_k plr_ae=$plr_n
fi
[ $plr_xo = 1 ] || [ "$1" -ge "$plr_ao" ] || plr_ao=0
[ $plr_xe = 1 ] || [ "$2" -ge "$plr_ae" ] || plr_ae=0
plr_l=$((plr_cap/8)); [ "$plr_l" -ge "$plr_ae" ] || plr_l=$plr_ae
plr_lo=$((plr_cap-plr_l-plr_ao)) plr_o=$(($1-plr_ao))
[ $plr_o -le $plr_lo ] || plr_o=$plr_lo
if [ $plr_o -le 0 ] || [ $plr_xo = 1 ]; then plr_o=0; fi
plr_le=$((plr_cap-plr_ao-plr_o-plr_ae)) plr_e=$(($2-plr_ae))
[ $plr_e -le $plr_le ] || plr_e=$plr_le
if [ $plr_e -le 0 ] || [ $plr_xe = 1 ]; then plr_e=0; fi
if [ $((plr_o+plr_e)) -gt 0 ]; then
echo 1 >"$pl_d/busy"; plr_send &
continue
fi
[ "$1" -le $((plr_cap*2)) ] || plr_cut o "$1" $plr_xo $plr_ao
[ "$2" -le $((plr_cap*2)) ] || plr_cut e "$2" $plr_xe $plr_ae
if [ $plr_st = 1 ]; then plr_signal CONT; plr_st=0; fi
done
[ $plr_st = 0 ] || plr_signal CONT; }
plr_send(){ # a child of the watcher, which must not wait for the controller
read -r plr_x <&6
if [ ! -e "$pl_d/x$plr_f" ]; then
[ $plr_o = 0 ] || plr_piece o $plr_ao $plr_o
[ $plr_e = 0 ] || plr_piece e $plr_ae $plr_e
echo "$plr_f $((plr_ao+plr_o)) $((plr_ae+plr_e))" >"$pl_d/at"
fi
echo >&6
true >"$pl_d/busy"; }
plr_piece(){ # o|e at bytes
echo "O $pl_i $1" >&7
dd if="$pl_o/$1$plr_f" bs=65536 skip="$2" count="$3" iflag=fullblock,skip_bytes,count_bytes >&7
echo "$plr_tok" >&7; }
plr_cut(){ # o|e size cut at : all of it that goes out has gone; the rest is counted and dropped
read -r plr_x <&6
if [ ! -e "$pl_d/x$plr_f" ]; then
if [ "$3" = 1 ]; then plr_dr=$((plr_dr+$2)); else plr_dr=$((plr_dr+$2-$4)); fi
true >"$pl_o/$1$plr_f"
if [ "$1" = o ]; then plr_xo=1; else plr_xe=1; fi
echo "$plr_f $plr_xo $plr_xe $plr_dr" >"$pl_d/cut"
fi
echo >&6; }
plr_late(){ # TERM, and KILL for what ignores it
plr_t=0
echo >"$pl_d/t$plr_f"
plr_signal TERM; plr_signal CONT
read -r plr_x plr_k <"$pl_d/cur"
[ "$plr_k" != "$plr_f" ] || ( sleep 2; kill -s KILL -- "-$plr_x" ) 5<&- 6>&- 7>&- & }
plr_signal(){ # the user command's group
read -r plr_x plr_k <"$pl_d/cur"
[ "$plr_k" != "$plr_f" ] || kill -s "$1" -- "-$plr_x"; }
for plr_x in setsid mkfifo stat sleep rm; do
command -v "$plr_x" || { echo "U $plr_x" >&7; exit 1; }
done
[ -r /proc/self/stat ] && [ -r /proc/uptime ] || { echo "U /proc" >&7; exit 1; }
plr_moved && [ $(((plr_n+plr_m)*65536)) -ge "$plr_len" ] || { echo "U dd" >&7; exit 1; }
plr_info(){ printf 'I %s %s\n' "$1" "$2" >&7 || exit; }
plr_line(){ plr_y=; [ ! -r "$2" ] || read -r plr_y <"$2"; plr_info "$1" "$plr_y"; }
while read -r plr_x plr_k plr_y; do case $plr_x in Uid:) pl_uid=$plr_k; break;; esac; done </proc/self/status
plr_y=${USER:-${LOGNAME:-}}; [ -n "$plr_y" ] || plr_y=$(id -un)
plr_info pid $$; plr_info uid "$pl_uid"; plr_info user "$plr_y"; plr_info home "${HOME:-}"; plr_info umask "$pl_u"; plr_info temp "$plr_temp"
plr_line os /proc/sys/kernel/ostype; plr_line kernel /proc/sys/kernel/osrelease
plr_line hostname /proc/sys/kernel/hostname; plr_line boot_id /proc/sys/kernel/random/boot_id
