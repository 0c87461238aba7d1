# Runs a program of the user: a child with streams of its own, so that it neither reads nor writes frames. Its output
# goes out while it runs, capped and counted; it is ended at its time limit, or when `int` beside the session names it.
# A step ends when its child exits, whatever it left behind.

# One word as CommandLineToArgvW reads it back: backslashes count only in front of a quote.
function pl_quote_word([string]$word) {
  if ($word.Length -gt 0 -and $word.IndexOfAny([char[]]" `t`n`v`"") -lt 0) { return $word }
  $quoted = [Text.StringBuilder]::new('"')
  $slashes = 0
  foreach ($part in $word.ToCharArray()) {
    if ($part -eq '\') { $slashes++; continue }
    if ($part -eq '"') { [void]$quoted.Append([char]'\', 2 * $slashes + 1) } else { [void]$quoted.Append([char]'\', $slashes) }
    [void]$quoted.Append($part)
    $slashes = 0
  }
  [void]$quoted.Append([char]'\', 2 * $slashes).Append('"')
  return $quoted.ToString()
}

# Words as one line.
function pl_quote_argv([string[]]$words) {
  $quoted = [string[]]::new($words.Length)
  for ($i = 0; $i -lt $words.Length; $i++) { $quoted[$i] = pl_quote_word $words[$i] }
  return [string]::Join(' ', $quoted)
}

# A command line as its program and the rest, the way Windows finds the program: quotes group, nothing escapes.
function pl_split_line([string]$line) {
  $line = $line.TrimStart(' ', "`t")
  $program = [Text.StringBuilder]::new()
  $quoted = $false
  for ($i = 0; $i -lt $line.Length; $i++) {
    $part = $line[$i]
    if ($part -eq '"') { $quoted = -not $quoted; continue }
    if (-not $quoted -and ($part -eq ' ' -or $part -eq "`t")) { break }
    [void]$program.Append($part)
  }
  return , [string[]]@($program.ToString(), $line.Substring($i).TrimStart(' ', "`t"))
}

function pl_timed_out { return $plr.timed_out }
function pl_kept_out { return $plr.kept_out }
function pl_kept_err { return $plr.kept_err }

function plr_option($options, [string]$name) {
  if ($null -ne $options -and $options.ContainsKey($name)) { return , $options[$name] }
  return $null
}

# How the child is started.
function plr_start_info([string[]]$argv, $options) {
  $start = [Diagnostics.ProcessStartInfo]::new($argv[0])
  $line = plr_option $options 'line'
  if ($null -eq $line) {
    $rest = [string[]]::new($argv.Length - 1)
    [Array]::Copy($argv, 1, $rest, 0, $rest.Length)
    $line = pl_quote_argv $rest
  }
  $start.Arguments = $line
  $start.UseShellExecute = $false
  $start.RedirectStandardInput = $true; $start.RedirectStandardOutput = $true; $start.RedirectStandardError = $true
  $folder = plr_option $options 'cwd'
  if ($null -ne $folder) { $start.WorkingDirectory = $folder }
  $variables = plr_option $options 'env'
  if ($null -ne $variables) {
    foreach ($name in [string[]]$variables.Keys) {
      if ($null -eq $variables[$name]) { $start.EnvironmentVariables.Remove($name) }
      else { $start.EnvironmentVariables[$name] = "$($variables[$name])" }
    }
  }
  return $start
}

# argv options : runs a program and returns its exit code. See the contract of the session for the options.
function pl_run([string[]]$argv, $options) {
  $start = plr_start_info $argv $options
  $limit = $pl.limit
  $own = plr_option $options 'limit'
  if ($null -ne $own -and [long]$own -gt 0) { $limit = [long]$own }
  $plr.commands++
  $plr.timed_out = $false
  $keep = (plr_option $options 'keep') -eq $true
  $c = @{ number = $plr.commands; keep = $keep; limit = $limit; dropped = [long]0; sent_o = [long]0; sent_e = [long]0
    file_o = $null; file_e = $null; keep_o = $null; keep_e = $null; cur = pl_join $pl.dir 'cur'; writing = $null; ended = '' }
  if ($keep) { $c.keep_o = [IO.MemoryStream]::new(); $c.keep_e = [IO.MemoryStream]::new() } else { plr_run_note $c }
  $process = [Diagnostics.Process]::Start($start)
  try {
    [IO.File]::WriteAllText($c.cur, "$($c.number) $($process.Id)")
    plr_follow $process $c (plr_option $options 'stdin')
    plr_written $c
    $code = $process.ExitCode
    if ($keep) {
      $plr.kept_out = [Text.Encoding]::UTF8.GetString($c.keep_o.ToArray())
      $plr.kept_err = [Text.Encoding]::UTF8.GetString($c.keep_e.ToArray())
      return $code
    }
    $late = 0
    if ($plr.timed_out) { $late = 1 }
    # Whoever ended it from outside did not let it come to its own end: the ledger does not call that a result.
    if ($c.ended -ceq 'int') { $plr.noted = '' }
    plr_note "C $code $late $($c.dropped)"
    plr_say "C $($pl.id) $code $late $($c.dropped)"
    return $code
  } finally {
    plr_written $c
    if (-not $process.HasExited) { plr_kill_tree $process }
    [IO.File]::WriteAllText($c.cur, '0')
    foreach ($file in @($c.file_o, $c.file_e)) {
      if ($null -eq $file) { continue }
      if ($c.dropped -gt 0) { $file.SetLength(0) }
      $file.Dispose()
    }
    $process.Dispose()
  }
}

# A command may do anything, so that after a loss of power it must be known that it had begun.
function plr_run_note($c) {
  if ($plr.noted.Length -eq 0) { return }
  [void][IO.Directory]::CreateDirectory($plr.outputs)
  $c.file_o = [IO.FileStream]::new((pl_join $plr.outputs "o$($c.number)"), [IO.FileMode]::Create, [IO.FileAccess]::Write, [IO.FileShare]::Read)
  $c.file_e = [IO.FileStream]::new((pl_join $plr.outputs "e$($c.number)"), [IO.FileMode]::Create, [IO.FileAccess]::Write, [IO.FileShare]::Read)
  plr_note "B out-$($plr.name) $($c.number)"
  $plr.ledger.Flush($true)
}

# Gives the child its input, takes its output, and returns when it is over.
function plr_follow([Diagnostics.Process]$process, $c, $stdin) {
  $watch = [Diagnostics.Stopwatch]::StartNew()
  $input_stream = $process.StandardInput.BaseStream
  $feeding = $null
  if ($null -ne $stdin -and $stdin.Length -gt 0) { $feeding = $input_stream.WriteAsync([byte[]]$stdin, 0, $stdin.Length) }
  else { $input_stream.Dispose() }
  $streams = @(
    @{ kind = 'o'; stream = $process.StandardOutput.BaseStream; piece = [byte[]]::new(65536); task = $null },
    @{ kind = 'e'; stream = $process.StandardError.BaseStream; piece = [byte[]]::new(65536); task = $null })
  foreach ($s in $streams) { $s.task = $s.stream.ReadAsync($s.piece, 0, 65536) }
  $quiet = $null; $drained = $null
  $looked = [long]0
  while ($true) {
    if ($null -ne $feeding -and $feeding.IsCompleted) {
      $feeding = $null
      try { $input_stream.Dispose() } catch { $plr.ignored = $_ }
    }
    $took = plr_take_output $streams $c
    if ($process.HasExited) {
      # What is left in the pipes comes at once; a daemon that holds them open is not waited for.
      if ($null -eq $streams[0].task -and $null -eq $streams[1].task) { break }
      if ($null -eq $quiet) { $quiet = [Diagnostics.Stopwatch]::StartNew(); $drained = [Diagnostics.Stopwatch]::StartNew() }
      if ($took) { $quiet.Restart() }
      if ($null -eq $c.writing -and ($quiet.ElapsedMilliseconds -ge 300 -or $drained.ElapsedMilliseconds -ge 5000)) { break }
    } elseif ($watch.ElapsedMilliseconds - $looked -ge 100) {
      $looked = $watch.ElapsedMilliseconds
      plr_look_after $process $c $watch
    }
    if (-not $took) { plr_wait_for $process $streams $c }
  }
  [void]$process.WaitForExit(1000)
}

# Waits until something may have happened, at most for a moment.
function plr_wait_for([Diagnostics.Process]$process, $streams, $c) {
  $tasks = [Collections.Generic.List[Threading.Tasks.Task]]::new()
  if ($null -ne $c.writing) { $tasks.Add($c.writing) }
  else { foreach ($s in $streams) { if ($null -ne $s.task) { $tasks.Add($s.task) } } }
  if ($tasks.Count -gt 0) { [void][Threading.Tasks.Task]::WaitAny($tasks.ToArray(), 50) }
  elseif (-not $process.HasExited) { [void]$process.WaitForExit(50) }
}

# Ends the child at its time limit, or when the controller asks for it.
function plr_look_after([Diagnostics.Process]$process, $c, $watch) {
  if ($c.ended.Length -gt 0) { return }
  if ($c.limit -gt 0 -and $watch.Elapsed.TotalSeconds -ge $c.limit) {
    $c.ended = 'late'
    $plr.timed_out = $true
  } else {
    if ((plr_get_text (pl_join $pl.dir 'int')).Trim() -ceq "$($c.number)") { $c.ended = 'int' }
  }
  if ($c.ended.Length -gt 0) { plr_kill_tree $process }
}

# Takes what has come of both streams; tells whether anything has. While the way to the controller is slower than the
# child nothing is taken, and the child waits as it would on a full pipe.
function plr_take_output($streams, $c) {
  if ($null -ne $c.writing) {
    if (-not $c.writing.IsCompleted) { return $false }
    plr_written $c
  }
  $took = $false
  foreach ($s in $streams) {
    if ($null -eq $s.task -or -not $s.task.IsCompleted -or $null -ne $c.writing) { continue }
    $took = $true
    $count = 0
    if ($s.task.Status -eq [Threading.Tasks.TaskStatus]::RanToCompletion) { $count = $s.task.Result }
    if ($count -eq 0) { $s.task = $null; continue }
    plr_piece $c $s.kind $s.piece $count
    $s.task = $s.stream.ReadAsync($s.piece, 0, 65536)
  }
  return $took
}

# Sends one piece of output, as far as the cap allows.
function plr_piece($c, [string]$kind, [byte[]]$piece, [int]$count) {
  if ($c.keep) {
    $kept = $c["keep_$kind"]
    $kept.Write($piece, 0, [int][Math]::Min([long]$count, [Math]::Max([long]0, 1048576 - $kept.Length)))
    return
  }
  $room = $plr.cap - $c.sent_o - $c.sent_e
  # An eighth is left for what goes wrong.
  if ($kind -ceq 'o') { $room = $plr.cap - [Math]::Max([long]($plr.cap / 8), $c.sent_e) - $c.sent_o }
  $taken = [int][Math]::Max([long]0, [Math]::Min([long]$count, $room))
  $c.dropped += $count - $taken
  if ($taken -eq 0) { return }
  $c["sent_$kind"] += $taken
  $file = $c["file_$kind"]
  if ($null -ne $file) { $file.Write($piece, 0, $taken); $file.Flush() }
  if ($plr.lost) { return }
  $head = $plr.utf8.GetBytes("O $($pl.id) $kind`n")
  $tail = $plr.utf8.GetBytes("$($plr.token)`n")
  $frame = [byte[]]::new($head.Length + $taken + $tail.Length)
  [Array]::Copy($head, 0, $frame, 0, $head.Length)
  [Array]::Copy($piece, 0, $frame, $head.Length, $taken)
  [Array]::Copy($tail, 0, $frame, $head.Length + $taken, $tail.Length)
  $c.writing = $plr.stdout.WriteAsync($frame, 0, $frame.Length)
}

# Waits for the piece that is on its way.
function plr_written($c) {
  if ($null -eq $c.writing) { return }
  try {
    $c.writing.Wait()
    $plr.stdout.Flush()
  } catch { $plr.lost = $true }
  $c.writing = $null
}
