#!/bin/sh
for word in "$@"; do echo "<$word>"; done
touch script-made 2>/dev/null || true
