# What a second, short-lived powershell.exe does beside a session: its calls, then it ends. It writes plain lines.

function plr_beside([string]$calls) {
  $plr.next_to = pl_join ([IO.Path]::GetTempPath()) ".paceline-$($plr.name)"
  # Nothing here is a frame.
  $status = plr_calls $calls
  [Environment]::Exit($status)
}

function pb_say([string]$text) { plr_say (pl_plain $text) }

# Every step behind the one in hand is held back.
function pw_beside_hold($a) {
  [IO.File]::WriteAllText((pl_join $plr.next_to 'hold'), '')
  return 0
}

# Ends the command in hand and waits a moment for its end.
function pw_beside_interrupt($a) {
  $cur = pl_join $plr.next_to 'cur'
  $number = (plr_get_text $cur).Split(' ')[0]
  if ($number -ceq '' -or $number -ceq '0') { return 0 }
  [IO.File]::WriteAllText((pl_join $plr.next_to 'int'), $number)
  for ($i = 0; $i -lt 25; $i++) {
    [Threading.Thread]::Sleep(100)
    if ((plr_get_text $cur).Split(' ')[0] -cne $number) { break }
  }
  return 0
}
