# The floor of a second run: what the ten tasks have to look at to know that nothing is to be done.
# HOME POINTS, then LENGTH SHA256 of each file.
set -eu
cd "$1"
stat -c '%n:%f:%u:%g:%s' bin conf logs work conf/agent.json conf/queue.xml conf/labels.json bin/payload.bin
found=$(sha256sum conf/agent.json conf/queue.xml conf/labels.json bin/payload.bin)
[ "$found" = "$4  conf/agent.json
$6  conf/queue.xml
$8  conf/labels.json
${10}  bin/payload.bin" ] || exit 4
find logs -exec stat -c '%n:%f' '{}' +
[ -e installed ] || uname -r >installed
wc -c <bin/payload.bin
cat conf/agent.json
