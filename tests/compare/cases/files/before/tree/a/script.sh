script.sh
