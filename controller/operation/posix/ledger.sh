# shellcheck shell=sh
# The ledger: what the steps of a run did on this host, for a controller that lost their results.
#
# It lies in the folder of the run, `BASE/runs/RUN/HOST/ledger`; the session appends to it. A line is one of
#   S STEP.PROGRAM          a program of a step begins
#   V NAME TEXT             it reported a value; W NAME LINE is a line of one with several lines
#   D NAME                  it reported bytes, which are not kept
#   B FOLDER NUMBER         it begins a command of the user, whose output is in FOLDER/oNUMBER and FOLDER/eNUMBER
#   C RC TIMED-OUT DROPPED  that command is over
#   R STEP.PROGRAM STATUS   the program is over
#   X STEP.PROGRAM          it was not run after all: another run holds the host, or nobody listens
# so that a session is within a step exactly if the last line begins neither with R nor with X.

# Begins to keep one; pf_points came before. A host where nothing can be written has none.
pl_ledger_begin() {
  pf_points_at
  pl_run_folder=${pf_points_dir%/points}
  mkdir -p -- "$pl_run_folder" 2>/dev/null || { pf_points_aside && pl_run_folder=${pf_points_dir%/points}; } || return 0
  [ -O "$pl_run_folder" ] && [ ! -L "$pl_run_folder/ledger" ] && pl_keep "$pl_run_folder/ledger" || return 0
}

# Reports the ledger as it was before this session's own steps or with them.
pl_ledger_tell() {
  [ -z "$pl_ledger" ] || pl_b ledger "$pl_ledger" || pl_v incomplete 1
  return 0
}

# FOLDER NUMBER: reports the output of a command of an earlier session.
pl_ledger_output() {
  pl_b stdout "$pl_run_folder/$1/o$2" || pl_v incomplete 1
  pl_b stderr "$pl_run_folder/$1/e$2" || pl_v incomplete 1
  return 0
}
