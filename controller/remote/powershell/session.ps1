# The session's program: what powershell.exe becomes behind bootstrap.ps1. It takes steps from its standard
# input and answers in frames. One thread writes; within a step nobody may be listening any more, and the step
# is no worse for that; between steps a write that fails ends the session. Names with plr_ are its own, names
# with pl_ are for operations, operations are functions named pw_.
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'; $VerbosePreference = 'SilentlyContinue'
$InformationPreference = 'SilentlyContinue'; $ConfirmPreference = 'None'
$plr.utf8 = [Text.UTF8Encoding]::new($false)
$plr.token = $plr.head[1]; $plr.cap = [long]$plr.head[3]; $plr.blob_cap = [long]$plr.head[4]; $plr.name = $plr.head[5]
$plr.functions = @{}; $plr.ignored = $null; $plr.lost = $false; $plr.gone = $false
$plr.bad = [long]0; $plr.item = [long]0; $plr.held = $false; $plr.commands = 0
$plr.ledger = $null; $plr.noted = ''; $plr.outputs = ''; $plr.payload = $null; $plr.finished = $false
$plr.timed_out = $false; $plr.kept_out = ''; $plr.kept_err = ''; $plr.next_to = ''
$pl = @{ id = '0'; limit = [long]0; dir = ''; base = ''; run = ''; host = ''; run_folder = ''; points = ''; point_limit = [long]-1; why = '' }

function pl_join([string]$folder, [string]$name) { return [IO.Path]::Combine($folder, $name) }

# Sends a line in a step.
function plr_say([string]$text) {
  if ($plr.lost) { return }
  try { plr_send ($plr.utf8.GetBytes($text + "`n")) } catch { $plr.lost = $true }
}

# Sends a line between steps: without a listener nothing more is done.
function plr_must([string]$text) {
  plr_say $text
  if ($plr.lost) { plr_leave 0 }
}

function plr_die([string]$text) {
  plr_say "E $(pl_plain $text)"
  plr_leave 1
}

function plr_info([string]$key, $value) { plr_must "I $key $(pl_plain "$value")" }

# Hooks of the lease; the library replaces them.
function pl_allow([long]$limit) { return $true }
function pl_over { }
function pl_leaving { }

# Ends the session. The outputs of commands are kept until the controller says that it has written down all results.
function plr_leave([int]$code) {
  try { pl_leaving } catch { $plr.ignored = $_ }
  plr_payload_drop
  if ($null -ne $plr.ledger) { $plr.ledger.Dispose() }
  plr_delete $pl.dir
  if ($plr.gone) { plr_delete $plr.outputs }
  [Environment]::Exit($code)
}

function plr_delete([string]$folder) {
  if ($folder.Length -eq 0 -or -not [IO.Directory]::Exists($folder)) { return }
  try { [IO.Directory]::Delete($folder, $true) } catch { $plr.ignored = $_ }
}

# Begins the ledger of this session: what its steps did, for a controller that loses their results.
function pl_keep([string]$file) {
  $share = [IO.FileShare]'ReadWrite, Delete'
  $plr.ledger = [IO.FileStream]::new($file, [IO.FileMode]::OpenOrCreate, [IO.FileAccess]::ReadWrite, $share)
  $plr.outputs = pl_join ([IO.Path]::GetDirectoryName($file)) "out-$($plr.name)"
}

# Notes a line of the step in hand.
function plr_note([string]$text) {
  if ($plr.noted.Length -eq 0) { return }
  try {
    [void]$plr.ledger.Seek(0, [IO.SeekOrigin]::End)
    $bytes = $plr.utf8.GetBytes($text + "`n")
    $plr.ledger.Write($bytes, 0, $bytes.Length)
    $plr.ledger.Flush()
  } catch { plr_die "the ledger cannot be written: $(plr_message $_)" }
}

# Reports a value.
function pl_v([string]$name, $text) {
  $line = "$name $(pl_encode "$text")"
  plr_note "V $line"
  plr_say "V $($pl.id) $line"
}

# Reports a list: `-` for an empty one, else its elements in base64.
function pl_state([string]$name, [string[]]$values) {
  $text = '-'
  if ($null -ne $values -and $values.Length -gt 0) {
    $parts = [string[]]::new($values.Length)
    for ($i = 0; $i -lt $values.Length; $i++) { $parts[$i] = [Convert]::ToBase64String($plr.utf8.GetBytes("$($values[$i])")) }
    $text = [string]::Join(',', $parts)
  }
  pl_v $name $text
}

# Says why a step failed; returns the status for it.
function pl_fail([string]$text) {
  pl_v 'msg' $text
  return 1
}

# Reports bytes.
function pl_b([string]$name, [byte[]]$bytes) {
  plr_blob $name ([IO.MemoryStream]::new($bytes, $false))
}

# Reports the bytes of a file.
function pl_b_file([string]$name, [string]$path) {
  plr_blob $name ([IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]'ReadWrite, Delete'))
}

function plr_blob([string]$name, [IO.Stream]$stream) {
  try {
    plr_note "D $name"
    plr_say "D $($pl.id) $name"
    $piece = [byte[]]::new(65536); $left = $plr.blob_cap; $status = 0
    while (-not $plr.lost) {
      $count = $stream.Read($piece, 0, [int][Math]::Min([long]65536, $left + 1))
      if ($count -eq 0) { break }
      if ($count -gt $left) { $status = 9; break }
      $left -= $count
      try { $plr.stdout.Write($piece, 0, $count) } catch { $plr.lost = $true }
    }
    plr_say "$($plr.token) $status"
  } finally { $stream.Dispose() }
}

# Whether steps of an epoch are held back, by a failure or by a controller that wants no more of them.
function plr_held([long]$epoch) {
  return $epoch -le $plr.bad -or [IO.File]::Exists((pl_join $pl.dir 'hold'))
}

# step ID EPOCH GROUP LIMIT PAYLOAD NAME TEXT
function plr_step([string[]]$words) {
  $epoch = [long]$words[2]
  if (plr_held $epoch) {
    plr_payload_drop
    plr_must "K $($words[1])"
    return
  }
  $plr.noted = ''
  if ($null -ne $plr.ledger -and $words[6] -cne '-') { $plr.noted = $words[6] }
  $name = $plr.noted
  plr_note "S $name"
  if (-not (pl_allow ([long]$words[4]))) {
    plr_note "X $name"
    plr_must "X $($words[1]) $(pl_plain $pl.why)"
    plr_leave 1
  }
  $pl.id = $words[1]; $pl.limit = [long]$words[4]; $plr.timed_out = $false
  plr_say "S $($words[1])"
  if ($plr.lost) {
    plr_note "X $name"
    plr_leave 0
  }
  if ($words[5] -ceq '0') { plr_payload_drop }
  $status = plr_calls ($plr.utf8.GetString([Convert]::FromBase64String($words[7])))
  plr_payload_drop
  $global:Error.Clear()
  plr_judge $words[3] $epoch $status
  # Whoever ended a command from outside did not let it come to its own end: no result is noted for it.
  plr_note "R $name $status"
  $plr.noted = ''
  pl_over
  plr_must "R $($words[1]) $status"
}

# What a status holds back.
function plr_judge([string]$group, [long]$epoch, [int]$status) {
  if ($status -eq 0) {
    if ($group -ceq 'l' -and $plr.item -eq $epoch) { $plr.bad = $epoch }
  } elseif ($group -ceq 'i' -and $status -ne 75) {
    $plr.item = $epoch
  } else {
    $plr.bad = $epoch
  }
}

# in ID EPOCH BYTES MORE FIRST : a piece of a payload. Small ones stay in memory.
function plr_in([string[]]$words) {
  $wanted = -not (plr_held ([long]$words[2]))
  if ($words[5] -ceq '1') {
    plr_payload_drop
    $plr.payload = @{ memory = [IO.MemoryStream]::new(); file = $null; path = pl_join $pl.dir "p$($words[1])" }
  }
  $sink = [IO.Stream]::Null
  if ($wanted) { $sink = plr_payload_sink ([long]$words[3]) }
  if (-not (plr_take ([long]$words[3]) $sink)) { plr_leave 0 }
  if ((plr_line) -cne $plr.token) { plr_leave 1 }
  if ($words[4] -ceq '1') {
    if ($wanted) { plr_must "A $($words[1])" } else { plr_must "N $($words[1])" }
  }
}

function plr_payload_sink([long]$more) {
  $p = $plr.payload
  if ($null -eq $p) { plr_leave 1 }
  if ($null -eq $p.file -and $p.memory.Length + $more -gt 1048576) {
    $p.file = [IO.FileStream]::new($p.path, [IO.FileMode]::CreateNew, [IO.FileAccess]::ReadWrite, [IO.FileShare]::Read)
    $p.memory.WriteTo($p.file)
    $p.memory = $null
  }
  if ($null -ne $p.file) { return $p.file }
  return $p.memory
}

function plr_payload_drop {
  $p = $plr.payload
  $plr.payload = $null
  if ($null -eq $p -or $null -eq $p.file) { return }
  $p.file.Dispose()
  try { [IO.File]::Delete($p.path) } catch { $plr.ignored = $_ }
}

# Bytes of the step's payload; -1 if it has none.
function pl_payload_length {
  if ($null -eq $plr.payload) { return [long]-1 }
  if ($null -ne $plr.payload.file) { return $plr.payload.file.Length }
  return $plr.payload.memory.Length
}

# The payload, to be read from its beginning and disposed of.
function pl_payload_stream {
  if ($null -eq $plr.payload) { throw 'the step has no payload' }
  if ($null -eq $plr.payload.file) { return , [IO.MemoryStream]::new($plr.payload.memory.ToArray(), $false) }
  $plr.payload.file.Flush()
  return , [IO.FileStream]::new($plr.payload.path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]'ReadWrite, Delete')
}

# The payload as a byte array.
function pl_payload_bytes {
  $length = pl_payload_length
  if ($length -lt 0) { throw 'the step has no payload' }
  if ($length -gt 67108864) { throw 'the payload is too large' }
  $copy = [IO.MemoryStream]::new()
  $stream = pl_payload_stream
  try { $stream.CopyTo($copy) } finally { $stream.Dispose() }
  return , $copy.ToArray()
}

# Facts about the session.
function plr_facts {
  $me = plr_who
  $uid = 1000; $elevated = 0
  if ($me.admin) { $uid = 0; $elevated = 1 }
  plr_info 'pid' $plr.pid
  plr_info 'uid' $uid
  plr_info 'user' ([Environment]::UserName)
  plr_info 'domain' ([Environment]::UserDomainName)
  plr_info 'home' ([Environment]::GetFolderPath('UserProfile'))
  plr_info 'umask' '0'
  plr_info 'temp' '0'
  plr_info 'os' 'Windows'
  plr_info 'kernel' ([Environment]::OSVersion.Version.ToString(3))
  plr_info 'hostname' ([Net.Dns]::GetHostName())
  plr_info 'boot_id' (plr_boot)
  plr_info 'ps_version' $PSVersionTable.PSVersion
  plr_info 'elevated' $elevated
  plr_info 'arch' ([Environment]::GetEnvironmentVariable('PROCESSOR_ARCHITECTURE'))
}

# Makes the private folder, tells the facts, runs the opening calls, and takes steps until the input ends.
function plr_session([string]$calls) {
  [Console]::SetOut([IO.TextWriter]::Null)
  # Without a console there is no code page to set; programs then write in the system's.
  try { [Console]::InputEncoding = $plr.utf8; [Console]::OutputEncoding = $plr.utf8 } catch { $plr.ignored = $_ }
  [Console]::SetOut([IO.TextWriter]::Null)
  $plr.pid = [Diagnostics.Process]::GetCurrentProcess().Id
  $folder = pl_join ([IO.Path]::GetTempPath()) ".paceline-$($plr.name)"
  try {
    plr_make_private $folder ([string[]]@((plr_who).sid))
    $pl.dir = $folder
  } catch { plr_die "no folder for temporary files can be made: $(plr_message $_)" }
  plr_facts
  if ((plr_calls $calls) -ne 0) { plr_die 'the session cannot be opened' }
  plr_must "Y $($plr.token)"
  while ($true) { plr_next }
}

function plr_next {
  $line = plr_line
  # What was cut off by a lost connection is never run.
  if ($null -eq $line) { plr_leave 0 }
  $end = " #$($plr.token)"
  if (-not $line.EndsWith($end, [StringComparison]::Ordinal)) { plr_leave 1 }
  $words = $line.Substring(0, $line.Length - $end.Length).Split(' ')
  if ($words[0] -ceq 'step' -and $words.Length -eq 8) { plr_step $words }
  elseif ($words[0] -ceq 'in' -and $words.Length -eq 6) { plr_in $words }
  elseif ($words[0] -ceq 'bye' -and $words.Length -eq 1) { $plr.gone = $true }
  else { plr_leave 1 }
}

# What is in the here-string behind the functions.
function plr_main([string]$calls) {
  try {
    if ($plr.head[0] -ceq 'plr') { plr_session $calls }
    elseif ($plr.head[0] -ceq 'plb') { plr_beside $calls }
    else { [Environment]::Exit(1) }
  } catch { plr_die "the session failed: $(plr_message $_)" }
}
