#!/bin/sh
# Makes users with other login shells for tests/hostile: `sh tests/hostile/login-users.sh [remove]` as root.
# They have no password; the sshd of a test lets them in with the key of that test.
set -eu
for shell in fish tcsh; do
    user=pl-$shell
    if [ "${1:-}" = remove ]; then
        userdel --remove "$user" 2>/dev/null || true
    elif ! id "$user" >/dev/null 2>&1; then
        # `*` is no password that fits; without it the account is locked, and sshd refuses keys as well.
        useradd --create-home --shell "$(command -v $shell)" --password '*' "$user"
    fi
done
