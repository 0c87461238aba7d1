#!/bin/sh
# Makes the users that the sudo checks of tests/contract need: `sh tests/contract/sudo-users.sh` as root.
# They have no login and no home; the password is known, so remove them where that matters
# (`sh tests/contract/sudo-users.sh remove`).
set -eu
for user in pl-asked pl-trusted pl-stranger; do
    if [ "${1:-}" = remove ]; then
        userdel "$user" 2>/dev/null || true
    elif ! id "$user" >/dev/null 2>&1; then
        useradd --no-create-home --home-dir / --shell /bin/bash "$user"
        echo "$user:correct horse" | chpasswd
    fi
done
if [ "${1:-}" = remove ]; then
    rm -f /etc/sudoers.d/paceline-tests
else
    umask 337
    rm -f /etc/sudoers.d/paceline-tests
    printf '%s\n' 'pl-asked ALL=(ALL) ALL' 'pl-trusted ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/paceline-tests
fi
