# The floor of a first run: what the ten tasks probe, save and write on a host that has nothing yet, by hand.
# HOME POINTS, then LENGTH SHA256 of each file, whose bytes follow on standard input.
set -eu
umask 022
home=$1 points=$2
shift 2
number=0 news='' sums=''
point() {
  number=$((number + 1))
  printf '%s\n' "kind=absent path=$1" "undo_absent $1" '#END' >"$points/$number"
  echo "point $number $1"
}
# NAME LENGTH SHA256: takes a file from standard input, under another name.
take() {
  [ ! -e "$home/$1" ] || exit 3
  point "$home/$1"
  dd bs=65536 count="$2" iflag=fullblock,count_bytes >"$home/$1.new" 2>/dev/null
  news="$news $home/$1.new"
  sums="$sums$3  $home/$1.new
"
}

for folder in bin conf logs work; do
  [ ! -e "$home/$folder" ] || exit 3
done
mkdir -p -m 700 "$points"
touch -r "${home%/*}" "$points/times"
for folder in bin conf logs work; do point "$home/$folder"; done
mkdir -p "$home/bin" "$home/conf" "$home/logs" "$home/work"

take conf/agent.json "$1" "$2"
take conf/queue.xml "$3" "$4"
take conf/labels.json "$5" "$6"
take bin/payload.bin "$7" "$8"
found=$(sha256sum $news)
[ "$found
" = "$sums" ] || exit 4
chmod 755 "$home/bin/payload.bin.new"
sync "$points"/[0-9]* "$points/times" "$points"
stat -c '%n:%f:%u:%g:%s' "$home/bin" "$home/conf" "$home/logs" "$home/work" $news
for new in $news; do mv -f -- "$new" "${new%.new}"; done

find "$home/logs" -exec stat -c '%n:%f' '{}' +
[ -e "$home/installed" ] || uname -r >"$home/installed"
status=$(wc -c <"$home/bin/payload.bin")
echo "status $status" >"$home/status"
cat "$home/conf/agent.json"
